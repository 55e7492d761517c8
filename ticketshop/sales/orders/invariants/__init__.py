"""The invariants of the books, by what they are about; ``books`` checks them."""
