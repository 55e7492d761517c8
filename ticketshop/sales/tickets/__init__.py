"""Tickets and passes: issued, printed, in calendar files, in the list for the door."""
