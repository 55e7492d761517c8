"""Consequences for orders when a date is cancelled, moved or changed."""
