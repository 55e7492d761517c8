"""Helpers of views and pages."""
