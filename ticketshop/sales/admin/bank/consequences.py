"""The consequences of recording a payment of a bank file for an order, in sentences for the staff who decide."""

from django.utils.translation import gettext as _

from ticketshop.lib.web.template_tags import money

from ...bank.proposals import Proposal, What
from ...models import BankEntry, Order
from ...payments import payments
from ..money.money_received import over_question


def of_recording(entry: BankEntry, order: Order) -> list[str]:
    """Return the sentences: the amount and its order, then what becomes of both."""
    came = money(entry.amount, entry.currency)
    first = _("%(amount)s has come for order %(reference)s.") % {
        "amount": came,
        "reference": order.reference,
    }
    if order.currency != entry.currency:
        return [first, _("The order is in another currency. Record it by hand on the page of the order.")]
    if order.state == Order.State.PAID:
        return [
            first,
            _("The order is paid already: the money is listed to be paid back; the buyer is told."),
        ]
    if order.state != Order.State.PENDING:
        return [first, over_question(order)]
    missing = payments.still_due(order)
    if entry.amount < missing:
        rest = money(missing - entry.amount, order.currency)
        return [
            first,
            _(
                "It waits for %(missing)s, so %(rest)s is still missing afterwards; the buyer is told. Its places are kept as before."
            )
            % {"missing": money(missing, order.currency), "rest": rest},
        ]
    sentences = [
        first,
        _("The order becomes paid, its tickets become valid and go to the buyer by e-mail."),
    ]
    if entry.amount > missing:
        sentences.append(
            _("%(rest)s is too much: it is listed to be paid back; the buyer is told.")
            % {"rest": money(entry.amount - missing, order.currency)}
        )
    return sentences


def advice(entry: BankEntry, proposal: Proposal) -> list[str]:
    """Return what to do with an open payment that can't simply be recorded; empty for others."""
    texts = {
        What.UNKNOWN: _(
            "No order of yours is named in it. Look for the order under “Record for another order”, or note that the money is not for an order."
        ),
        What.SEVERAL: _("It names several orders. Use “Divide among orders”, or record it for one of them."),
        What.OTHER_CURRENCY: _(
            "The order is in another currency. Record what came on the page of the order, then note here that it is dealt with."
        ),
        What.COLLECTIVE: _(
            "The bank booked several payments as one, and this file does not list them. Read in the file camt.054 of that day: it lists them, and this row closes by itself."
        ),
        What.TAKEN_BACK: _(
            "The bank has taken back money that had come. Decide about the order and its tickets, then note here that it is dealt with."
        ),
        What.RETURNED: _(
            "Money that you paid out has come back, for instance a refund to a closed account. Pay it in another way, then note here that it is dealt with."
        ),
    }
    return [texts[proposal.what]] if proposal.what in texts else []
