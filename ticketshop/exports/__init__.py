"""Exports as background jobs. They write rows from an iterator, so this package contains nothing about the exported data.

``kinds`` is the register of what can be exported, ``jobs`` has the functions that pages call, ``writing`` writes a file,
``tasks`` has the worker's tasks, ``expiry`` deletes old files.
"""
