"""The visitor's profile."""
