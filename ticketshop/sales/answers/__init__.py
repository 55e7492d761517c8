"""What the forms of an order ask, and what was answered."""
