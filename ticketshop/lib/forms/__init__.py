"""Helpers of forms that visitors and staff fill in and post."""
