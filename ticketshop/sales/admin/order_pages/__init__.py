"""Pages about an order and its tickets, reached by buttons: cancel, exchange, new code, names, erased buyer."""
