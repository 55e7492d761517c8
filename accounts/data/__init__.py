"""The pages of personal data: *My data* in the account, and those that a mailed link opens."""
