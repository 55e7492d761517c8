"""The framework of the back office, and the pages of organisers, staff and history."""
