"""Back office: contacts, the connections between them, and the types of connections."""

from . import connections, link_types, people  # noqa: F401
