"""Test orders: what staff order in a shop that was never opened, and how all of it is deleted before it opens."""
