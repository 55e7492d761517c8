"""Bookings with a season pass: which dates it opens, book a place, cancel the booking."""
