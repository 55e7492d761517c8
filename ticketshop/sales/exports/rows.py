"""Parts that all kinds of export share: pages of rows, texts in the organiser's language, columns of an order."""

import uuid
from collections.abc import Iterable, Iterator
from itertools import islice

from django.conf import settings
from django.db.models import Case, F, Q, QuerySet, TextField, Value, When
from django.db.models.functions import Coalesce, Left, NullIf
from django.utils.translation import get_language
from django.utils.translation import gettext as _

from contacts.models import Contact
from registration_forms.models import Response
from ticketshop.catalogue.models import Session
from ticketshop.exports.kinds import Column
from ticketshop.lib.database.compiled import AnyOf, Compiled, array_of
from ticketshop.lib.spreadsheets.formats import Cell, Word
from ticketshop.lib.values import countries

from ..models import (
    DATE_CANCELLED,
    ERASED,
    HOLDER_ERASED,
    OPEN_STATES,
    STATE_TEXTS,
    WITHOUT_PERSON,
    Order,
    OrderResponse,
)
from ..tickets.printed import LETTERS_AT_THE_DOOR
from . import columns
from .columns import Answers
from .scope import Scope

PAGE = 2000
_SUBJECTS = Compiled(
    lambda: Contact.objects.filter(pk=AnyOf("contacts")).order_by().values_list("subject_uuid")
)


def pages(rows: QuerySet, *values: object) -> Iterator[list[tuple]]:
    """Yield pages of tuples that begin with the row's id.

    All pages come from one cursor of the database: with a query for each page it would plan as long as it reads.
    """
    tuples = rows.order_by("pk").values_list("pk", *values).iterator(chunk_size=PAGE)
    while page := list(islice(tuples, PAGE)):
        yield page


def translated(path: str) -> Coalesce:
    """Return an expression for the text at ``path`` in the active language, or in another one if it is missing."""
    first = (get_language() or "")[:2]
    codes = sorted((code for code, _name in settings.CONTENT_LANGUAGES), key=lambda code: code != first)
    return Coalesce(
        *(NullIf(F(f"{path}_{code}"), Value("")) for code in codes), Value(""), output_field=TextField()
    )


def name_as_sold(sold_as: str, path: str) -> Case:
    """Return an expression like ``dates.name_as_sold``: the translated column at ``path``, or the copy at
    ``sold_as`` if it was renamed.
    """
    unchanged = Q()
    for code, _name in settings.CONTENT_LANGUAGES:
        unchanged |= Q(**{sold_as: F(f"{path}_{code}")})
    return Case(When(unchanged, then=translated(path)), default=F(sold_as), output_field=TextField())


def ticket_state() -> Case:
    """Return an expression like ``Ticket.shown_state``: the ticket's state, or that its date is cancelled."""
    cancelled = Q(session__state=Session.State.CANCELLED, state__in=OPEN_STATES)
    return Case(When(cancelled, then=Value(DATE_CANCELLED)), default=F("state"), output_field=TextField())


def state_texts() -> dict[str, str]:
    """Return state -> text, for tickets and passes."""
    return {str(code): str(text) for code, text in STATE_TEXTS.items()}


def order_state_texts() -> dict[str, str]:
    """Return state -> text, for orders."""
    return {code: str(text) for code, text in Order.State.choices}


def language_words() -> dict[str, Word]:
    """Return language code -> its stored word, with its name in the active language."""
    return {code: Word(code, name) for code, name in settings.CONTENT_LANGUAGES}


def country_words() -> dict[str, Word]:
    """Return country code -> its stored word, with its name in the active language."""
    return {code: Word(code, name) for code, name in countries.names(get_language() or "en").items()}


def of_buyer(column: str, prefix: str = "", erased: object = "", without: object = "") -> Case:
    """Return an expression for a column of the buyer; in place of it ``erased`` if the buyer is erased or being erased, and
    ``without`` if the order was sold without a name.
    """
    known = Q(**{f"{prefix}buyer__isnull": False, f"{prefix}buyer__erasing_at": None})
    return Case(
        When(known, then=F(f"{prefix}buyer__{column}")),
        When(**{f"{prefix}without_person": True}, then=Value(str(without))),
        default=Value(str(erased)),
        output_field=TextField(),
    )


def buyer_names(prefix: str = "") -> tuple[Case, Case]:
    """Return expressions for first and last name."""
    return of_buyer("first_name", prefix), of_buyer("last_name", prefix, ERASED, WITHOUT_PERSON)


def holder_names() -> tuple[object, object]:
    """Return expressions for first and last name on a ticket or pass; for an erased one the last name states why."""
    gone = Q(holder_erased_at__isnull=False, holder_first_name="", holder_last_name="")
    last = Case(
        When(gone, then=Value(str(HOLDER_ERASED))), default=F("holder_last_name"), output_field=TextField()
    )
    return F("holder_first_name"), last


def beginning_of_code(path: str = "code") -> Left:
    """Return an expression for the first part of the code: enough to find a ticket, too little to be let in.

    The file may be passed on to people who must not see complete codes.
    """
    return Left(path, LETTERS_AT_THE_DOOR)


def people(page: list[tuple], *places: int) -> set[uuid.UUID]:
    """Return the ``subject_uuid`` of the contacts whose ids are at these positions of the rows; one query."""
    contact_ids = {row[place] for place in places for row in page}
    contact_ids.discard(None)
    return {subject_uuid for (subject_uuid,) in _SUBJECTS.rows(contacts=array_of(contact_ids))}


def forms_of(rows: QuerySet, path: str) -> set[int]:
    """Return the forms of the responses at ``path`` from ``rows``."""
    answered = rows.order_by().values(path)
    return set(
        Response.objects.filter(pk__in=answered).order_by().values_list("form_id", flat=True).distinct()
    )


def responses_of(orders: Iterable[int], answers: Answers) -> dict[int, list[tuple[int, int, int]]]:
    """Return order id -> (response id, form id, version number) for each order form. One query if any form was asked."""
    by_order: dict[int, list[tuple[int, int, int]]] = {}
    if not answers.questions:
        return by_order
    rows = OrderResponse.objects.filter(order__in=list(orders)).order_by("pk")
    for order, *response in rows.values_list(
        "order_id", "response_id", "response__form_id", "response__version__number"
    ):
        by_order.setdefault(order, []).append(tuple(response))
    return by_order


class OrderData:
    """The columns about the order that each row repeats."""

    def __init__(self, scope: Scope, rows: QuerySet):
        heading = _("Order: ")
        forms = forms_of(rows, "order__responses__response")
        self.answers: Answers = columns.of_forms(forms, **scope.drawn, prefix="order.", heading=heading)
        self.states = order_state_texts()
        named = [
            ("reference", _("reference")),
            ("state", _("state")),
            ("placed_at", _("placed")),
            ("buyer_first_name", _("buyer’s first name")),
            ("buyer_last_name", _("buyer’s last name")),
            ("buyer_email", _("buyer’s e-mail address")),
        ]
        self.columns = [
            *(Column(f"order.{key}", f"{heading}{label}") for key, label in named),
            *self.answers.columns,
        ]

    @staticmethod
    def values(prefix: str = "") -> list[object]:
        """Return what ``read`` takes, in this order. ``prefix``: the path to the order."""
        before = ("reference", "state", "placed_at")
        after = ("buyer_id", "pk")
        return [
            *(f"{prefix}{name}" for name in before),
            *buyer_names(prefix),
            of_buyer("email", prefix),
            *(f"{prefix}{name}" for name in after),
        ]

    def read(self, orders: list[tuple]) -> list[list[Cell]]:
        """Return the cells for each order's ``values``."""
        cells = self.answers.read_several(responses_of({order[7] for order in orders}, self.answers))
        none = self.answers.none
        return [
            [order[0], self.states[order[1]], *order[2:6], *cells.get(order[7], none)] for order in orders
        ]
