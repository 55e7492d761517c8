"""The contents of the shop's mails. Each is built when it is sent."""
