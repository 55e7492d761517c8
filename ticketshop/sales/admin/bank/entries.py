"""Payments of bank files: how each fits the orders, and what staff do with it."""

from datetime import datetime

from django.contrib import admin, messages
from django.utils.html import format_html_join
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from ticketshop.lib.values import iban
from ticketshop.office.buttons import Button, Outcome
from ticketshop.office.scoped_admin import ReadOnlyAdmin
from ticketshop.office.sections import NONE, link

from ...bank import entries, proposals
from ...bank.proposals import RECORDABLE, Proposal
from ...models import BankEntry, Order
from ..money.money_received import came_of_it
from . import assigning, consequences, dividing, tables
from .files import NOTHING, RECORD, why_not_open

CHANGE = ("sales.change_bankentry",)
OPEN, NOT_OURS, DONE = BankEntry.State.OPEN, BankEntry.State.NOT_OURS, BankEntry.State.DONE


def _proposal(entry: BankEntry) -> Proposal | None:
    """Return how an open payment fits; None for others."""
    return proposals.propose([entry])[entry.pk] if entry.state == OPEN else None


def _fitting_order(entry: BankEntry) -> Order | None:
    proposal = _proposal(entry)
    return proposal.order if proposal and proposal.what in RECORDABLE else None


def _question(entry: BankEntry) -> list[str]:
    order = _fitting_order(entry)
    return consequences.of_recording(entry, order) if order else [str(NOTHING)]


def _record(request, entry: BankEntry, now: datetime) -> Outcome:
    order = _fitting_order(entry)
    if order is None or not entries.record(entry, order, by=request.user, now=now):
        return messages.WARNING, NOTHING
    return came_of_it(order)


def _aside(state: BankEntry.State):
    def press(request, entry: BankEntry, now: datetime) -> Outcome:
        if entries.set_aside(entry, state, by=request.user, now=now):
            return messages.SUCCESS, _("Noted.")
        return messages.WARNING, NOTHING

    return press


def _reopen(request, entry: BankEntry, now: datetime) -> Outcome:
    if entries.reopen(entry, by=request.user, now=now):
        return messages.SUCCESS, _("The payment is to be looked at again.")
    return messages.WARNING, NOTHING


BUTTONS = (
    Button(
        "record",
        gettext_lazy("Record for this order"),
        RECORD,
        lambda entry: entry.is_open_credit and _fitting_order(entry) is not None,
        _question,
        _record,
        why_not_offered=why_not_open,
    ),
    dividing.DIVIDE,
    assigning.ASSIGN,
    Button(
        "not-ours",
        gettext_lazy("Not for an order"),
        CHANGE,
        lambda entry: entry.is_open_credit,
        lambda entry: [
            _("The money is not for an order of this shop: a grant, a rent, a mistake of the payer."),
            _("The row is closed. It can be opened again."),
        ],
        _aside(NOT_OURS),
        why_not_offered=why_not_open,
    ),
    Button(
        "done",
        gettext_lazy("Dealt with by hand"),
        CHANGE,
        lambda entry: entry.state == OPEN,
        lambda entry: [
            _("For what was recorded elsewhere: on the page of an order, or in the books."),
            _("The row is closed. It can be opened again."),
        ],
        _aside(DONE),
        why_not_offered=why_not_open,
    ),
    Button(
        "reopen",
        gettext_lazy("Look at it again"),
        CHANGE,
        lambda entry: entry.state in (NOT_OURS, DONE),
        lambda entry: [_("The payment is listed again among those to be looked at.")],
        _reopen,
    ),
)


@admin.register(BankEntry)
class BankEntryAdmin(ReadOnlyAdmin):
    list_display = ["booked_on", "amount_text", "payer", "order_text", "result_text"]
    list_filter = ["state", "kind", "booked_on"]
    list_select_related = ["order"]
    ordering = ["-booked_on", "-pk"]
    search_fields = ["payer", "text", "references"]
    search_help_text = gettext_lazy("Any part of the payer’s name, the text or the reference.")
    buttons = BUTTONS
    fields = [
        "state",
        "kind",
        "booked_on",
        "amount_text",
        "payer",
        "text",
        "result_text",
        "order_text",
        "parts_text",
        "account_text",
        "file_link",
        "handled_at",
        "handled_by_text",
    ]
    readonly_fields = fields

    def get_queryset(self, request):
        return super().get_queryset(request).select_related("order", "file", "handled_by", "part_of")

    def lookup_allowed(self, lookup, value, request=None):
        """Allow the link of a bank file's page to its payments."""
        return lookup == "file__id__exact" or super().lookup_allowed(lookup, value, request)

    def get_changelist_instance(self, request):
        page = super().get_changelist_instance(request)
        rows = sorted((row for row in page.result_list if row.state == OPEN), key=lambda row: row.pk)
        fitting = proposals.propose(rows)
        for row in page.result_list:
            row.proposal = fitting.get(row.pk)
        return page

    def notes(self, request, row):
        proposal = _proposal(row)
        return [*super().notes(request, row), *(consequences.advice(row, proposal) if proposal else [])]

    @admin.display(description=gettext_lazy("amount"))
    def amount_text(self, entry):
        return tables.amount(entry)

    @admin.display(description=gettext_lazy("order"))
    def order_text(self, entry):
        return tables.order(entry, self._proposal_of(entry))

    @admin.display(description=gettext_lazy("result"))
    def result_text(self, entry):
        return tables.result(entry, self._proposal_of(entry))

    @admin.display(description=gettext_lazy("parts"))
    def parts_text(self, entry):
        """Return links to the parts of a divided payment, or to the payment of which this is a part."""
        parts = entry.parts.select_related("order").order_by("pk")
        links = [(link(part, f"{part.order.reference} · {tables.amount(part)}"),) for part in parts]
        if entry.part_of:
            links = [(link(entry.part_of, f"{_('part of')} {tables.amount(entry.part_of)}"),)]
        return format_html_join(", ", "{}", links) if links else NONE

    def _proposal_of(self, entry: BankEntry) -> Proposal | None:
        if not hasattr(entry, "proposal"):
            entry.proposal = _proposal(entry)
        return entry.proposal

    @admin.display(description=gettext_lazy("account"))
    def account_text(self, entry):
        return iban.grouped(entry.account)

    @admin.display(description=gettext_lazy("bank file"))
    def file_link(self, entry):
        return link(entry.file, entry.file)

    @admin.display(description=gettext_lazy("dealt with by"))
    def handled_by_text(self, entry):
        return entry.handled_by.email if entry.handled_by and entry.state != OPEN else NONE
