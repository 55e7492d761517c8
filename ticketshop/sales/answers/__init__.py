"""The questions that an order's forms ask, and the answers to them."""
