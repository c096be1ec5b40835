"""The embedded weak mail host that a newcomer scans first."""
