"""Pages that mailed links open: accept, decline, claim an account, choose a first password."""
