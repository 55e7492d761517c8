"""An order: placed, changed, cancelled; its page and its books."""
