"""Markdown -> steps, engine, journal."""
