"""Entries with season passes: why a pass is refused, and how many entries are taken and left."""
