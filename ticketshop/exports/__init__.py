"""Exports as jobs: runs a row iterator it is handed and knows not what it exports.

``kinds`` is where rooms above say what can be exported, ``jobs`` holds the verbs, ``writing`` makes a file, ``tasks`` is what the worker
does.
"""
