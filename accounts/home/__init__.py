"""The first page of the visitor's account."""
