"""The payments of a bank file with what fits them, for pages of the back office."""

from django.utils.formats import date_format
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from ticketshop.lib.web.template_tags import money
from ticketshop.office.sections import NONE, Section, link

from ...bank import proposals
from ...bank.proposals import Proposal
from ...models import BankEntry, BankFile

# The largest number of rows of the table; the list shows the others.
MOST = 200


def entries(file: BankFile) -> Section:
    """Return the table of a file's payments: what is open first."""
    rows = file.entries.select_related("order")
    open_rows = list(rows.filter(state=BankEntry.State.OPEN).order_by("pk")[:MOST])
    others = list(rows.exclude(state=BankEntry.State.OPEN).order_by("pk")[: MOST - len(open_rows)])
    fitting = proposals.propose(open_rows)
    more = file.new - len(open_rows) - len(others)
    return Section(
        _("Payments"),
        [_("booked"), _("amount"), _("payer"), _("order"), _("result")],
        [
            [
                link(entry, date_format(entry.booked_on, "SHORT_DATE_FORMAT")),
                amount(entry),
                entry.payer or NONE,
                order(entry, fitting.get(entry.pk)),
                result(entry, fitting.get(entry.pk)),
            ]
            for entry in (*open_rows, *others)
        ],
        note=ngettext("%(count)s more in the list.", "%(count)s more in the list.", more) % {"count": more}
        if more > 0
        else "",
    )


def amount(entry: BankEntry) -> str:
    """Return the amount, with a minus if the bank took it back."""
    text = money(entry.amount, entry.currency)
    return f"−{text}" if entry.kind == BankEntry.Kind.TAKEN_BACK else text


def order(entry: BankEntry, proposal: Proposal | None):
    """Return a link to the order that the payment was recorded for, or that it names."""
    found = entry.order or (proposal.order if proposal else None)
    return link(found, found.reference) if found else NONE


def result(entry: BankEntry, proposal: Proposal | None) -> str:
    """Return how an open payment fits the orders, or what has become of it."""
    if entry.state != BankEntry.State.OPEN or proposal is None:
        return entry.get_state_display()
    return _("being recorded") if entry.requested_at else str(proposal.what.label)
