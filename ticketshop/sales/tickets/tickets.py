"""Actions on tickets and passes: make, issue, cancel."""

from datetime import datetime
from typing import cast

from registration_forms.models import Response
from ticketshop.catalogue.models import SeasonPass
from ticketshop.lib.values import references

from .. import notices
from ..cart import contents
from ..models import Admission, IssuedPass, Order, OrderLine, Ticket


def new(
    order: Order,
    lines: list[OrderLine],
    cart_contents: contents.Contents,
    holders: dict,
    beneficiaries: dict[str, int],
    answered: dict[str, Response] | None = None,
    booked_with: IssuedPass | None = None,
) -> tuple[list[Ticket], list[IssuedPass]]:
    """Return an unsaved ticket or pass for every slot of the cart, with the typed names.

    ``beneficiaries``: slot -> contact id, for slots with a chosen person; ``answered``: slot -> response.
    ``booked_with``: the pass with which all tickets are booked.
    """
    new_tickets, new_passes, answered = [], [], answered or {}
    for line, cart_line in zip(lines, cart_contents.lines, strict=True):
        for slot in cart_line.slots:
            typed = holders.get(slot, {})
            shared = {
                "line": line,
                "order": order,
                "code": references.code(),
                "beneficiary_id": beneficiaries.get(slot),
                "response": answered.get(slot),
                "holder_first_name": typed.get("first_name", ""),
                "holder_last_name": typed.get("last_name", ""),
                "holder_email": typed.get("email", ""),
            }
            if cart_line.offer:
                new_tickets.append(
                    Ticket(session_id=cart_line.offer.session_id, booked_with=booked_with, **shared)
                )
            else:
                extra = answered.get(f"{slot}+")
                new_passes.append(_issued_pass(cast(SeasonPass, cart_line.season_pass), extra, shared))
    return new_tickets, new_passes


def _issued_pass(season_pass: SeasonPass, extra_response: Response | None, shared: dict) -> IssuedPass:
    """Return an unsaved pass with the days and entries of its season pass as they are at the sale."""
    return IssuedPass(
        season_pass=season_pass,
        extra_response=extra_response,
        valid_from=season_pass.valid_from,
        valid_until=season_pass.valid_until,
        entries=season_pass.entries,
        entries_left=season_pass.entries,
        **shared,
    )


def issue(order: Order, *, now: datetime) -> None:
    """Make the reserved tickets and passes valid and tell the buyer, in the caller's transaction."""
    notices.queue(order, "order_paid", now)
    notices.queue_for_others(order, now)
    for model in (Ticket, IssuedPass):
        model.objects.filter(order=order, state=Admission.State.RESERVED).update(state=Admission.State.VALID)


def cancel(order: Order) -> None:
    """Cancel every ticket and pass of an order; a used one stays used."""
    for model in (Ticket, IssuedPass):
        model.objects.filter(order=order).exclude(state=Admission.State.USED).update(
            state=Admission.State.CANCELLED
        )
