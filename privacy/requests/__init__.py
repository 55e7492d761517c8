"""Requests of visitors to see, copy or erase their data, and the mails about them."""
