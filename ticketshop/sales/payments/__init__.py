"""Money of an order; ``methods`` holds one file per payment method."""
