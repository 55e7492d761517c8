"""Links between contacts (friends and family): adding people, their mails, and what parents, children and staff do with links."""
