"""Entry control: choose a date, scan or type the codes of tickets, search a person, count who is in."""
