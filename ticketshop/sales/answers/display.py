"""The answers to an order's forms as readable text."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from django.conf import settings
from django.utils.formats import date_format
from django.utils.timezone import localtime
from django.utils.translation import get_language
from django.utils.translation import gettext as _

from registration_forms import definitions
from registration_forms.answers import responses
from registration_forms.definitions import Question
from registration_forms.field_types import TYPES
from registration_forms.models import Answer, Response
from ticketshop.lib import translated
from ticketshop.lib.database.compiled import AnyOf, Compiled, Parameter

from ..admission_lists import WITH_RESPONSE, WITHOUT_DEFINITIONS
from ..models import IssuedPass, Order, OrderResponse, Ticket

Rows = list[tuple[str, str]]


@dataclass(frozen=True)
class Part:
    """One form of an order. ``heading`` states whose answers they are; ``admission`` is None for an order form.

    ``in_profile``: for an order form, whether the buyer chose to have its answers in their profile too.
    """

    response_id: int
    heading: str
    admission: Ticket | IssuedPass | None = None
    in_profile: bool | None = None


def for_buyer(question: Question) -> bool:
    """Return whether a buyer may see the answer to this question."""
    return not question.staff_only


def for_staff(sensitive: bool) -> Callable[[Question], bool]:
    """Return a function that tells which questions staff may see: all, or all but sensitive ones."""
    return lambda question: sensitive or not question.sensitive


# Without the definitions: each process keeps them parsed in memory.
_RESPONSES = Compiled(
    lambda: (
        Response.objects.filter(pk=AnyOf("ids"))
        .select_related(*WITH_RESPONSE)
        .defer(*WITHOUT_DEFINITIONS)
        .order_by("pk")
    )
)


def read(
    ids: Iterable[int], known: Iterable[Response] = ()
) -> tuple[dict[int, Response], dict[int, responses.Given]]:
    """Return responses by id, with forms and versions, and response id -> question key -> answer. ``known``: those that were
    read with these rows already.
    """
    wanted, by_id = list(ids), {response.pk: response for response in known}
    if others := [pk for pk in wanted if pk not in by_id]:
        by_id |= {response.pk: response for response in _RESPONSES.all(ids=others)}
    return by_id, responses.answers_of(wanted)


def language(code: str) -> str:
    """Return the name of a language inside a sentence, in the active language: French writes it in lower case."""
    name = str(dict(settings.CONTENT_LANGUAGES).get(code, code))
    return name.lower() if get_language() == "fr" else name


_OF_ORDER = Compiled(lambda: OrderResponse.objects.filter(order=Parameter("order")).order_by("pk"))


def parts(order: Order, tickets: list[Ticket], passes: list[IssuedPass]) -> list[Part]:
    """Return the forms of an order in the order of its page. One query."""
    own = _("Order %(reference)s") % {"reference": order.reference}
    of_order = _OF_ORDER.all(order=order.pk)
    titles = {ticket.line.title: ticket.session.event.title for ticket in tickets}
    order_parts = []
    for response in of_order:
        # With several order forms, the heading names the events of each, by the titles they have now.
        events = translated.joined(", ", [titles.get(title, title) for title in response.title.split(", ")])
        heading = translated.joined(" – ", [own, events]) if events and len(of_order) > 1 else own
        order_parts.append(Part(response.response_id, heading, in_profile=response.in_profile))
    for ticket in tickets:
        if ticket.response_id is None:
            continue
        starts = date_format(localtime(ticket.session.starts_at), "j F")
        order_parts.append(_part(ticket.response_id, ticket, ticket.line.shown_tariff, starts))
    for issued in passes:
        order_parts += [
            _part(pk, issued, issued.shown_name)
            for pk in (issued.response_id, issued.extra_response_id)
            if pk
        ]
    return order_parts


def _part(response_id: int, admission: Ticket | IssuedPass, *words: str) -> Part:
    heading = translated.joined(" – ", [part for part in (*words, admission.holder_text) if part])
    return Part(response_id, heading, admission)


def rows(response: Response, given: dict[str, Answer], may_see: Callable[[Question], bool]) -> Rows:
    """Return (label, text) for each answer, in the wording under which it was given, in the order of the form."""
    order = [question.key for question in definitions.of_version(response.version).questions]
    keys = [*order, *(key for key in given if key not in set(order))]
    label_and_text = []
    for key in keys:
        question = responses.question_of(given[key], response) if key in given else None
        if question is not None and may_see(question):
            text = TYPES[question.type].display(question, responses.value_of(given[key]))
            label_and_text.append((question.label, text))
    return label_and_text
