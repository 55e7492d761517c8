"""Require the mandatory questions of a new version from buyers who answered an earlier version.

This package contains nothing about orders, so higher packages register the functions that reach earlier buyers
(``register_notifier``).
"""

from collections.abc import Callable
from datetime import datetime

from django.db import transaction

from ticketshop.history import history

from ..definitions import Definition
from ..models import FormVersion, RegistrationForm

Notifier = Callable[[FormVersion], None]
_NOTIFIERS: list[Notifier] = []


def register_notifier(notify: Notifier) -> Notifier:
    """Register a function that gets the version and queues the e-mails to earlier buyers, in the same transaction."""
    _NOTIFIERS.append(notify)
    return notify


def adds_mandatory_questions(before: Definition | None, after: Definition) -> bool:
    """Return whether ``after`` has mandatory questions that were not mandatory in ``before``.

    False without ``before``, because there are no earlier answers.
    """
    if before is None:
        return False
    already_mandatory = {question.key for question in before.questions if question.mandatory}
    return any(question.mandatory and question.key not in already_mandatory for question in after.questions)


@transaction.atomic
def require_answers(version: FormVersion, *, by, now: datetime) -> None:
    """Make earlier buyers owe the mandatory questions of ``version``, and notify them."""
    RegistrationForm.objects.filter(pk=version.form_id).update(asked_again=version)
    history.record(version.form, "asked_again", by=by, now=now, version=version.number)
    for notify in _NOTIFIERS:
        notify(version)
