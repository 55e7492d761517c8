"""What all tests share: pages without collected static files, and a password hash that costs nothing."""

import pytest
from django.conf import settings
from django.contrib.auth.hashers import Argon2PasswordHasher
from django.test.signals import setting_changed


class QuickHasher(Argon2PasswordHasher):
    """The real algorithm, so that log-in behaves as it does, but at the lowest cost."""

    time_cost, memory_cost, parallelism = 1, 8, 1


def pytest_configure(config: pytest.Config) -> None:
    settings.PASSWORD_HASHERS = [f"{__name__}.{QuickHasher.__name__}", *settings.PASSWORD_HASHERS]
    settings.STATIC_ROOT.mkdir(parents=True, exist_ok=True)  # WhiteNoise warns where there is none
    settings.STORAGES = {
        **settings.STORAGES,
        "staticfiles": {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"},
    }
    # A model that names its storage has opened them all by now.
    setting_changed.send(sender=None, setting="STORAGES", value=settings.STORAGES, enter=True)
