"""The copy of one's own data."""
