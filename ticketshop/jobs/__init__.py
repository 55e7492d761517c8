"""Background work on many rows: each row in its own transaction, failures shown to staff and tried again."""
