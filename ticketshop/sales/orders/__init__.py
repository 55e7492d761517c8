"""Orders: placed, changed, cancelled; the order's page and the invariants of the books."""
