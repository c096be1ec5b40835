"""Findings -> text, JSON and more. Pure."""
