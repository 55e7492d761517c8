"""My data: the pages in the account, and those a mailed link opens."""
