"""Giving an expired order its places back when its money comes late."""

import uuid
from datetime import datetime

from django.db import transaction
from django.db.models import Q

from contacts import locking
from registration_forms.answers import limited_choices, responses
from ticketshop.catalogue import places
from ticketshop.catalogue.models import Session
from ticketshop.history import history

from .. import recipients
from ..models import Admission, IssuedPass, Order, Ticket, places_of, responses_of
from ..tickets import deadlines


def revive(order: Order, by, now: datetime) -> bool:
    """Reserve everything an expired order had once more. Return False, and change nothing, if some of it is taken."""
    if recipients.has_left(order.buyer) or not to_come(order, now):
        return False
    wanted = places_of(order)
    # People are locked before their tickets, as in an erasure, which also locks the buyer before the order;
    # that is locked already.
    locking.lock_all(
        {
            person
            for model in (Ticket, IssuedPass)
            for person in model.objects.filter(order=order, beneficiary__isnull=False)
            .exclude(beneficiary=order.buyer_id)
            .values_list("beneficiary", flat=True)
        }
    )
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


def to_come(order: Order, now: datetime) -> bool:
    """Return whether each date of an order takes place and has not begun, and each pass is still valid."""
    sessions = Session.objects.filter(tickets__order=order)
    if sessions.filter(Q(state=Session.State.CANCELLED) | Q(starts_at__lte=now)).exists():
        return False
    passes = IssuedPass.objects.filter(order=order).select_related("order__point_of_sale__organiser")
    return all(deadlines.end_of_pass(issued) > now for issued in passes)
