"""Requests of people: to see their data, to have a copy, to be forgotten."""
