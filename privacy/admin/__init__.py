"""Back office: whom to forget, what that does, and the receipts."""

from . import erasures, retention  # noqa: F401
