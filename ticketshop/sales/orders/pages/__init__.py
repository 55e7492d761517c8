"""Pages of an order beside the main one: names on tickets, other ways to pay, the QR-bill."""
