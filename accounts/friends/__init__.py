"""Friends and family in the visitor's account."""
