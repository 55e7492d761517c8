"""Pages to look around: the shop, an event, a season pass."""
