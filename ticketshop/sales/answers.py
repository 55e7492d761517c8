"""What was answered on the forms of an order, as people read it."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from django.conf import settings
from django.utils.formats import date_format
from django.utils.timezone import localtime

from registration_forms import definitions, responses
from registration_forms.field_types import TYPES
from registration_forms.models import Answer, Response

from .models import IssuedPass, Order, Ticket


@dataclass(frozen=True)
class Answered:
    """One form of an order: a heading that says whose it is, and (label, text) for each answer given."""

    heading: str
    rows: list[tuple[str, str]]
    at: datetime
    language: str  # its name, in the active language


def of_order(order: Order, tickets: list[Ticket], passes: list[IssuedPass]) -> list[Answered]:
    """The answers of an order with these tickets and passes; the words are those of the version that was answered.

    Three queries however many tickets; none for an order without forms.
    """
    headings = _headings(order, tickets, passes)
    if not headings:
        return []
    by_id, answers = _read(list(headings))
    return [
        Answered(heading, _rows(by_id[pk], answers[pk]), by_id[pk].created_at, _language(by_id[pk].language))
        for pk, heading in headings.items()
        if answers.get(pk)
    ]


def on_tickets(admissions: Iterable[Ticket | IssuedPass]) -> dict[int, list[tuple[str, str]]]:
    """Response id -> (label, text) of what its form shows on the ticket.

    Three queries however many tickets; none where no form was asked.
    """
    ids = [
        pk for one in admissions for pk in (one.response_id, getattr(one, "extra_response_id", None)) if pk
    ]
    if not ids:
        return {}
    by_id, answers = _read(ids)
    return {pk: _rows(by_id[pk], given, on_ticket=True) for pk, given in answers.items()}


def of_admission(
    shown: dict[int, list[tuple[str, str]]], admission: Ticket | IssuedPass
) -> list[tuple[str, str]]:
    """What stands on one ticket or pass, of what ``on_tickets`` found."""
    return [
        *shown.get(admission.response_id, []),
        *shown.get(getattr(admission, "extra_response_id", None), []),
    ]


def _read(ids: list[int]) -> tuple[dict[int, Response], dict[int, list[Answer]]]:
    """Responses with their versions, and response id -> answers given."""
    rows = Response.objects.filter(pk__in=ids).select_related("version")
    given = Answer.objects.filter(response__in=ids, state=Answer.State.ANSWERED)
    answers: dict[int, list[Answer]] = {}
    for answer in given.select_related("field", "v_choice").prefetch_related("choices"):
        answers.setdefault(answer.response_id, []).append(answer)
    return {response.pk: response for response in rows}, answers


def _language(code: str) -> str:
    return str(dict(settings.CONTENT_LANGUAGES).get(code, code))


def _headings(order: Order, tickets: list[Ticket], passes: list[IssuedPass]) -> dict[int, str]:
    """Response id -> whose answers they are."""
    found: dict[int, str] = {}
    if order.response_id:
        found[order.response_id] = order.reference
    for ticket in tickets:
        if ticket.response_id is None:
            continue
        starts = date_format(localtime(ticket.line.session_starts_at), "j F")
        found[ticket.response_id] = " – ".join(
            part for part in (ticket.line.tariff_name, starts, ticket.holder) if part
        )
    for issued in passes:
        for pk in (issued.response_id, issued.extra_response_id):
            if pk:
                found[pk] = " – ".join(part for part in (issued.line.title, issued.holder) if part)
    return found


def _rows(response: Response, answers: list[Answer], *, on_ticket: bool = False) -> list[tuple[str, str]]:
    definition = definitions.of_version(response.version)
    by_key = {answer.field.key: answer for answer in answers}
    return [
        (question.label, TYPES[question.type].display(question, responses.value_of(by_key[question.key])))
        for question in definition.questions
        if question.key in by_key and (question.on_ticket or not on_ticket)
    ]
