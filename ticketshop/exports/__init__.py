"""Exports as jobs: runs a row iterator it is handed and knows not what it exports."""
