"""What the models declare about a person, read, checked and applied to one column or row."""
