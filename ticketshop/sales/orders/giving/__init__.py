"""Tickets given to friends and family: offered, answered, given back."""
