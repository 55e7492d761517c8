"""The pages of the counter: a new order, the questions of its forms, and what to do with an order afterwards."""
