"""What becomes of orders when a date is cancelled, moved or changed."""
