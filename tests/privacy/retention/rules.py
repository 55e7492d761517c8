"""The rules of one package alone: those of all take three times as long in each run of the job."""

from collections.abc import Iterator
from contextlib import contextmanager
from unittest import mock

from privacy.declarations import expiry


@contextmanager
def only_rules_of(package: str) -> Iterator[None]:
    """Let the retention job find nothing else than rows of a package; ``test_expiry.py`` runs it with all rules."""
    of_all = expiry.retention_rules_of

    def of_package(organiser):
        return ((model, rule) for model, rule in of_all(organiser) if model._meta.app_label == package)

    with mock.patch.object(expiry, "retention_rules_of", of_package):
        yield
