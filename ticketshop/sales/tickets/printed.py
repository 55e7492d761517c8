"""The texts on one ticket or pass that differ from other tickets: the name, printed answers, position and price."""

from collections.abc import Sequence
from dataclasses import dataclass

from django.db.models import F
from django.utils.translation import gettext as _

from registration_forms import definitions
from registration_forms.models import FormVersion, RegistrationForm
from ticketshop.lib import translated
from ticketshop.lib.web.template_tags import money

from ..answers import display
from ..models import IssuedPass, Order, OrderLine, Ticket

NAMES = ("first_name", "last_name")
LETTERS_AT_THE_DOOR = 8  # the beginning of the code, enough to find the ticket


@dataclass(frozen=True)
class Printed:
    """The printed name (empty for none), and (label, text) of the printed answers."""

    name: str
    rows: display.Rows


@dataclass(frozen=True)
class PageContent:
    """The texts and pictures of one page of the PDF."""

    title: str
    when: str
    where: str
    tariff: str
    price: str
    code: str  # empty for a ticket that is not valid
    name: str
    position: str  # "2 of 4"; empty for a single one
    picture: str = ""  # name of the stored file
    reference: str = ""
    note: str = ""  # how the date has changed since the sale
    answers: tuple[tuple[str, str], ...] = ()  # label and text of answers that are printed on the ticket


def marked(order: Order, title: str) -> str:
    """Return the title as it is printed: one of a test order begins with “TEST”, so that it can't be taken for a ticket."""
    return _("TEST, not valid: %(title)s") % {"title": title} if order.is_test else title


def on(admissions: Sequence[Ticket | IssuedPass]) -> list[Printed]:
    """Return what is printed on these tickets and passes, in their order. Four queries for any number."""
    ids = {pk for admission in admissions for pk in _responses(admission)}
    responses, given = display.read(ids) if ids else ({}, {})
    forms = _forms_of_names(
        [admission for admission in admissions if admission.response_id is None and admission.holder]
    )
    printed_texts = []
    for admission in admissions:
        rows = [
            row
            for pk in _responses(admission)
            if pk in responses
            for row in display.rows(responses[pk], given[pk], lambda question: question.on_ticket)
        ]
        response = responses.get(admission.response_id)
        version = response.version if response else forms.get(_source(admission))
        printed_texts.append(Printed(_name(admission, version), rows))
    return printed_texts


def _responses(admission: Ticket | IssuedPass) -> list[int]:
    ids = (admission.response_id, getattr(admission, "extra_response_id", None))
    return [pk for pk in ids if pk]


def _name(admission: Ticket | IssuedPass, version: FormVersion | None) -> str:
    """Return the holder's name without the parts that the form does not print, or why there is none if it is erased."""
    if version is None or not admission.holder:
        return admission.holder_text
    kept_off = {
        question.system_ref
        for question in definitions.of_version(version).questions
        if question.system_ref in NAMES and not question.on_ticket
    }
    parts = [getattr(admission, f"holder_{name}") for name in NAMES if name not in kept_off]
    return " ".join(part for part in parts if part)


def _source(admission: Ticket | IssuedPass) -> tuple[str, int | None]:
    """Return the row that the form of a ticket or pass comes from."""
    if isinstance(admission, Ticket):
        return "offer", admission.line.offer_id
    return "pass", admission.season_pass_id


def _forms_of_names(admissions: list[Ticket | IssuedPass]) -> dict[tuple[str, int | None], FormVersion]:
    """Return the published forms of tickets and passes without a response: such a form asks only for names."""
    sources = {_source(admission) for admission in admissions}
    offers = [pk for kind, pk in sources if kind == "offer"]
    passes = [pk for kind, pk in sources if kind == "pass"]
    forms = RegistrationForm.objects.filter(published__isnull=False)
    forms = forms.select_related("published").defer("published__definition")
    versions: dict[tuple[str, int | None], FormVersion] = {}
    if offers:
        for form in forms.filter(tariffs__offers__in=offers).annotate(source=F("tariffs__offers")):
            versions["offer", form.source] = form.published
    if passes:
        for form in forms.filter(season_passes__in=passes).annotate(source=F("season_passes")):
            versions["pass", form.source] = form.published
    return versions


def position(number: int, count: int) -> str:
    """Return “2 of 4”; empty for a single ticket."""
    return _("%(number)d of %(count)d") % {"number": number, "count": count} if count > 1 else ""


def prices(admissions: Sequence[Ticket | IssuedPass], currency: str) -> list[str]:
    """Return what each ticket or pass cost, in words where nothing was paid.

    No query without a ticket that was booked with a pass, else one.
    """
    booked = [getattr(admission, "booked_with_id", None) for admission in admissions]
    ids = set(booked) - {None}
    passes = IssuedPass.objects.select_related("season_pass", "line").in_bulk(ids) if ids else {}
    return [
        _price(admission.line, currency, passes.get(pk))
        for admission, pk in zip(admissions, booked, strict=True)
    ]


def _price(line: OrderLine, currency: str, booked_with: IssuedPass | None) -> str:
    """Return the unit price, with the number of tickets it gives if that is more than one."""
    if booked_with is not None:
        return translated.compose(_("With the pass “%(name)s”"), name=booked_with.shown_name)
    if not line.unit_price:
        return _("Free")
    amount = money(line.unit_price, currency)
    count = line.places // line.quantity
    if count <= 1:
        return amount
    return _("%(amount)s for %(count)d tickets") % {"amount": amount, "count": count}
