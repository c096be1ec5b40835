"""Find, close and recover from what is wrong with a mail server."""

__version__ = "0.1.0.dev0"
