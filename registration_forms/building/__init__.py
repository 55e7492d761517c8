"""What staff do with a form: edit the draft, check it, publish it, copy it."""
