"""The demo shop: two organisers with programme, visitors and orders, and the process of `make run`."""
