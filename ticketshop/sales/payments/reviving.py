"""Giving an expired order its places back when its money comes late."""

import uuid
from collections.abc import Iterable
from datetime import datetime

from django.db import transaction

from contacts import locking
from registration_forms.answers import limited_choices, responses
from ticketshop.catalogue import places
from ticketshop.catalogue.models import Session
from ticketshop.history import history

from .. import recipients
from ..admission_lists import passes_of, tickets_of
from ..models import Admission, IssuedPass, Order, Ticket, places_of, responses_of
from ..tickets import deadlines


def revive(order: Order, by, now: datetime) -> bool:
    """Reserve everything an expired order had once more. Return False, and change nothing, if some of it is taken."""
    if recipients.has_left(order.buyer):
        return False
    admissions: list[Ticket | IssuedPass] = [*tickets_of(order), *passes_of(order)]
    if not to_come(order, admissions, now):
        return False
    wanted = places_of(order)
    # People are locked before their tickets, as in an erasure, which also locks the buyer before the order;
    # that is locked already.
    people = {admission.beneficiary_id for admission in admissions if admission.beneficiary_id is not None}
    locking.lock_all(people - {order.buyer_id})
    try:
        with transaction.atomic():
            for model in (Ticket, IssuedPass):
                model.objects.filter(order=order, state=Admission.State.CANCELLED).update(
                    state=Admission.State.RESERVED
                )
            responses.reactivate(responses_of(order))
            places.reserve(uuid.uuid4(), wanted)
    except (places.NotEnoughPlaces, limited_choices.ChoiceSoldOut):
        return False
    history.record(order, "revived", by=by, now=now)
    return True


def to_come(order: Order, admissions: Iterable[Ticket | IssuedPass], now: datetime) -> bool:
    """Return whether the date of each ticket takes place and has not begun, and each pass is still valid.

    ``admissions``: tickets and passes of the order.
    """
    for admission in admissions:
        if isinstance(admission, IssuedPass):
            admission.order = order
            if deadlines.end_of_pass(admission) <= now:
                return False
        elif admission.session.state == Session.State.CANCELLED or admission.session.starts_at <= now:
            return False
    return True
