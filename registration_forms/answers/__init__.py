"""Answers to forms: the Django form, storing and changing answers, limited choices, texts for copies of personal data."""
