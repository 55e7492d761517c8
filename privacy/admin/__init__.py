"""The pages of the back office about erasures: preview, receipts, and retention."""

from . import erasures, retention  # noqa: F401
