"""Tickets and passes: issued, printed, in a calendar, in the list for the door."""
