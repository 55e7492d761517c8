"""The visitor's orders and tickets, and what was ordered before there was an account."""
