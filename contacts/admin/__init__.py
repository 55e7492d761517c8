"""Back office: contacts, the connections between them, and the kinds of connections."""

from . import people  # noqa: F401
