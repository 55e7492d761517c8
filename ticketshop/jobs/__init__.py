"""Work in the background over many rows: each row by itself, what fails is told to staff and tried again."""
