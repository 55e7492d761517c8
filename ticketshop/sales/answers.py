"""What was answered on the forms of an order, as people read it."""

from dataclasses import dataclass

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


def of_order(order: Order, tickets: list[Ticket], passes: list[IssuedPass]) -> list[Answered]:
    """The answers of an order with these tickets and passes; the words are those of the version that was answered.

    Three queries however many tickets; none for an order without forms.
    """
    headings = _headings(order, tickets, passes)
    if not headings:
        return []
    rows = Response.objects.filter(pk__in=list(headings)).select_related("version")
    answers: dict[int, list[Answer]] = {}
    given = Answer.objects.filter(response__in=list(headings), state=Answer.State.ANSWERED)
    for answer in given.select_related("field", "v_choice").prefetch_related("choices"):
        answers.setdefault(answer.response_id, []).append(answer)
    by_id = {response.pk: response for response in rows}
    return [
        Answered(heading, _rows(by_id[pk], answers.get(pk, [])))
        for pk, heading in headings.items()
        if answers.get(pk)
    ]


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


def _rows(response: Response, answers: list[Answer]) -> list[tuple[str, str]]:
    definition = definitions.of_version(response.version)
    by_key = {answer.field.key: answer for answer in answers}
    return [
        (question.label, TYPES[question.type].display(question, responses.value_of(by_key[question.key])))
        for question in definition.questions
        if question.key in by_key
    ]
