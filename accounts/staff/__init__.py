"""Staff: invitations by e-mail, and the member's own page about where they work."""
