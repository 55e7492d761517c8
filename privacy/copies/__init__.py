"""Copies of one's own data: reading them from the declarations, and packing them into a ZIP."""
