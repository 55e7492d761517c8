"""The erasure of one person: its steps, the mails about it, and the dates by which requests are answered."""
