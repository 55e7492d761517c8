"""Background work: procrastinate on the same PostgreSQL. Jobs are queued in the transaction they belong to."""

from procrastinate import App

__all__ = ["on_app_ready"]


def on_app_ready(app: App) -> None:
    """Called once by procrastinate when Django is ready; every task registers itself where it is written."""
