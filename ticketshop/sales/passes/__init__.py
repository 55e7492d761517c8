"""Entries with season passes: why a pass lets nobody in, and how many entries are taken and left."""
