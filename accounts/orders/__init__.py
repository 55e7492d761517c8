"""The visitor's orders and tickets, and those of the time before there was an account."""
