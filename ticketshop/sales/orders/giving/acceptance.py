"""Accept an offered ticket: new holder, new code, own answers, in one transaction."""

import math
from collections.abc import Mapping
from datetime import datetime

from django.db import transaction
from django.db.models import Q
from django.utils.translation import gettext as _

from contacts import locking
from registration_forms.answers import responses
from registration_forms.models import Response
from ticketshop.catalogue.models import Session
from ticketshop.lib import translated

from ... import notices
from ...access import WITHOUT_BENEFICIARY
from ...models import Admission, ReplacedCode, Ticket, TicketGift
from ...tickets import codes
from . import offers


class OfferOver(Exception):
    """The offer was taken back, declined, accepted or has ended meanwhile. Nothing has changed."""


class TooManyForPerson(Exception):
    """The person has as many tickets of the tariff as one person may have. ``sentence`` tells it; nothing has changed."""

    def __init__(self, sentence: str):
        super().__init__(sentence)
        self.sentence = sentence


@transaction.atomic
def accept(
    gift: TicketGift,
    holder: Mapping[str, str],
    answers: responses.NewResponse | None,
    *,
    language: str,
    by,
    now: datetime,
) -> Ticket:
    """Make the person asked the holder of an offered ticket. Return the ticket as it is now.

    ``holder``: column of the ticket -> typed name or e-mail address. ``answers``: those to the tariff's form, about that person;
    None if it asks nothing. Raise OfferOver, TooManyForPerson, locking.Gone or limited_choices.ChoiceSoldOut; then nothing has
    changed.
    """
    # Locks in the sequence of a payment: order, person, ticket, answers, limited choices.
    order = codes.lock_order(gift.ticket.order_id)
    if gift.friend_id is None:
        raise OfferOver
    locking.lock(gift.friend_id)
    ticket = offers.locked_ticket(gift.ticket_id, order)
    still_open = offers.open_offers(now).filter(pk=gift.pk).first()
    if still_open is None:
        raise OfferOver
    if not still_open.is_return:
        _check_most(ticket, still_open.friend_id)
    former = ticket.response
    stored = _replace_answers(former, answers, order, language, now)
    _hand_over(ticket, still_open, holder, stored)
    codes.replace([ticket], ReplacedCode.Reason.GIVEN, by=by, now=now)
    TicketGift.objects.filter(pk=gift.pk).update(
        state=TicketGift.State.ACCEPTED, answered_at=now, former_response=former
    )
    still_open.state, still_open.answered_at, still_open.ticket = TicketGift.State.ACCEPTED, now, ticket
    offers.record(still_open, "ticket_given_back" if gift.is_return else "ticket_given", by=by, now=now)
    notices.offer_answered(still_open, now)
    notices.ticket_received(still_open, now)
    return ticket


def _hand_over(ticket: Ticket, gift: TicketGift, holder: Mapping[str, str], stored: Response | None) -> None:
    ticket.beneficiary_id = ticket.order.buyer_id if gift.is_return else gift.friend_id
    ticket.gift_id = None if gift.is_return else gift.pk
    ticket.response, ticket.holder_erased_at = stored, None
    for column in ("holder_first_name", "holder_last_name", "holder_email"):
        setattr(ticket, column, holder.get(column, ""))
    ticket.save(
        update_fields=[
            "beneficiary",
            "gift",
            "response",
            "holder_erased_at",
            "holder_first_name",
            "holder_last_name",
            "holder_email",
        ]
    )


def _replace_answers(
    former: Response | None, answers: responses.NewResponse | None, order, language: str, now: datetime
) -> Response | None:
    """Store the new answers and make the former ones void; the places of limited choices follow."""
    stored = None
    if answers is not None:
        (stored,) = responses.store([answers], organiser=order.organiser, language=language, now=now)
    responses.replace(former, stored)
    return stored


def _check_most(ticket: Ticket, person_id: int) -> None:
    """Raise TooManyForPerson if the (locked) person has as many tickets of the tariff as one person may have."""
    tariff = ticket.line.offer.tariff
    if not tariff.max_per_person:
        return
    theirs = Q(beneficiary=person_id) | WITHOUT_BENEFICIARY & Q(order__buyer=person_id)
    rows = Ticket.objects.filter(theirs, line__offer__tariff=tariff).exclude(pk=ticket.pk)
    rows = rows.exclude(state=Admission.State.CANCELLED)
    had = rows.exclude(session__state=Session.State.CANCELLED).count()
    units = ticket.line.places // ticket.line.quantity
    if math.ceil((had + 1) / units) > tariff.max_per_person:
        text = _(
            "“%(name)s”: at most %(most)d per person, and you have that many already. You can only decline this ticket."
        )
        raise TooManyForPerson(translated.compose(text, name=tariff.name, most=tariff.max_per_person))
