"""The second factor of a log-in, by django-allauth's ``allauth.mfa``: one-time codes, security keys and recovery codes."""
