"""Tickets that the visitor gives to friends and family, and those that were given to them."""
