"""How the mails of the shop read. Each is built when it leaves."""
