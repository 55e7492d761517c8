"""The back office as a framework, and the pages of organisers, staff and history."""
