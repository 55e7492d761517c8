"""Log-in by django-allauth, and what this project adds to it."""
