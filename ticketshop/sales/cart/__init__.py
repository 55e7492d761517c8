"""The visitor's cart and the places held for it."""
