"""The checkout: details of the buyer and of each ticket, review and payment."""
