"""Back office: payments, refunds, disputes, and money that is recorded by hand."""
