"""How fast the shop is, beside a minimal page of the same Django on the same machine in the same minute: ``make bench``.

Costs are CPU seconds of web server and database, read from the system, because machines are noisy and the
client's own work must not count. Nothing here passes or fails by a time.
"""
