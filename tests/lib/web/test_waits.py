"""Times until the next try are rounded up to minutes or hours."""

from datetime import timedelta

import pytest
from django.utils import translation

from ticketshop.lib.web import waits


@pytest.mark.parametrize(
    ("seconds", "rounded", "english", "french"),
    [
        (0, 60, "Try again in 1 minute.", "Réessayez dans 1 minute."),
        (60, 60, "Try again in 1 minute.", "Réessayez dans 1 minute."),
        (60.5, 120, "Try again in 2 minutes.", "Réessayez dans 2 minutes."),
        (3600, 3600, "Try again in 60 minutes.", "Réessayez dans 60 minutes."),
        (5401, 7200, "Try again in 2 hours.", "Réessayez dans 2 heures."),
        (86400, 86400, "Try again in 24 hours.", "Réessayez dans 24 heures."),
    ],
)
def test_wait_text_contains_the_rounded_number(seconds, rounded, english, french):
    wait = timedelta(seconds=seconds)
    assert waits.rounded(wait) == timedelta(seconds=rounded)
    for language, text in (("en", english), ("fr", french)):
        with translation.override(language):
            assert waits.again_in(wait) == text
