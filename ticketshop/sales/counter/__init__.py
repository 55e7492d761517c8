"""Orders that staff enter at the counter, and the money they take there."""
