"""One file per check: a pure judge() and its CHECK."""
