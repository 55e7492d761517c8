"""The speed of the shop, compared with a minimal Django page on the same machine in the same minute: ``make bench``.

Costs are CPU seconds of web server and database, read from the system, because machines are noisy and the client's own
work must not count. No measurement passes or fails by a time.
"""
