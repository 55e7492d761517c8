"""The orders that the demo is filled with, which visitors and staff made in the months before."""
