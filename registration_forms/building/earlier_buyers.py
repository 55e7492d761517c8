"""Asking those who answered before: a version whose mandatory questions earlier buyers owe too.

Forms don't know who bought: the rooms above say how earlier buyers are reached (``reach``).
"""

from collections.abc import Callable
from datetime import datetime

from django.db import transaction

from ticketshop.history import history

from ..definitions import Definition
from ..models import FormVersion, RegistrationForm

Teller = Callable[[FormVersion], None]
_TELLERS: list[Teller] = []


def register_notifier(tell: Teller) -> Teller:
    """Decorate what tells the earlier buyers of a version, in the transaction that asks them."""
    _TELLERS.append(tell)
    return tell


def adds_mandatory_questions(before: Definition | None, after: Definition) -> bool:
    """Whether a version has mandatory questions that those who answered ``before`` were not obliged to answer."""
    if before is None:
        return False
    owed = {question.key for question in before.questions if question.mandatory}
    return any(question.mandatory and question.key not in owed for question in after.questions)


@transaction.atomic
def require_answers(version: FormVersion, *, by, now: datetime) -> None:
    """Earlier buyers owe what is mandatory in ``version``, and are told."""
    RegistrationForm.objects.filter(pk=version.form_id).update(asked_again=version)
    history.record(version.form, "asked_again", by=by, now=now, version=version.number)
    for tell in _TELLERS:
        tell(version)
