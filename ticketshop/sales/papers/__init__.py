"""Papers about money: receipts, made on request and never stored; invoices and credit notes, frozen in a restricted archive."""
