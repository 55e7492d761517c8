"""Back office: the papers of an order, and the export for the accounting."""
