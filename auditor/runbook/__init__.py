"""Runbooks that people read and the engine follows, and the record of every incident."""
