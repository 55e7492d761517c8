"""Orders of the demo that show what happens to money: cards, refunds, a dispute, invoices and a bank file."""
