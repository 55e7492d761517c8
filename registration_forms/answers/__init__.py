"""Answers: the Django form that asks for them, storing, changing, counting limited choices, and texts for a copy."""
