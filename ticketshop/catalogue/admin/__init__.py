"""Back office: what can be sold."""

from . import allotments, events, passes, places  # noqa: F401
