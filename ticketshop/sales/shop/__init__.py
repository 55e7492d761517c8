"""The public pages: the programme, an event, a season pass."""
