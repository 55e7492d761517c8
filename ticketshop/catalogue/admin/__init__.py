"""Back office: what can be sold."""

from . import allotments, copying, events, passes, places, series  # noqa: F401
