"""What a visitor has put aside, and the places held for it."""
