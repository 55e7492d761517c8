"""Friends and family: the pages of the visitor's account, and what they need."""
