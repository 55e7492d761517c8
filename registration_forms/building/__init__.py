"""Functions of the back office for a form: edit the draft, check it, publish it, copy it."""
