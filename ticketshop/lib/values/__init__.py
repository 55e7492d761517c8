"""A module for each kind of value that people type: how it is checked, stored, compared and shown."""
