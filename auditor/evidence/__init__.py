"""Frozen types in the protocols' own words, and the pure parsers that make them."""
