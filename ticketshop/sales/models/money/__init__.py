"""Money of orders: payments, refunds, disputes, what banks and staff tell of them, and counted cash."""
