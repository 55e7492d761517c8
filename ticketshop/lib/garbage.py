"""Python's search for unreachable cycles of objects, set for processes that run for long."""

import gc

# New objects until the next search. Python's 700 are few for rows of a database: the searches took a quarter of an export.
NEW_OBJECTS = 50_000


def search_rarely() -> None:
    """Search for cycles only after many new objects, and never among those that exist now. Call it when all is imported."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(NEW_OBJECTS)
