"""Exchange of tickets of a paid order for another date or tariff of the same event."""
