"""The mails to the members of staff who may answer a request to be forgotten. They name nobody."""

from datetime import datetime

from django.db.models import Q

from ticketshop.mail import outbox
from ticketshop.organisers.models import PointOfSale, StaffMembership

from ..models import Erasure


def tell(erasure: Erasure, kind: str, pos: PointOfSale, *, now: datetime, once: str = "") -> int:
    """Queue one mail to each member of staff who may answer; without any, to the organiser. Return how many.

    Twice with the same ``once`` is one mail.
    """
    return tell_each(_who_answers(pos), erasure, kind, pos, now=now, once=once)


def tell_each(
    people: list[tuple[int, str]],
    erasure: Erasure,
    kind: str,
    pos: PointOfSale,
    *,
    now: datetime,
    once: str = "",
) -> int:
    """Queue one mail to each of these log-ins: their number and address. Return how many.

    Twice with the same ``once`` is one mail.
    """
    queued = [
        outbox.queue(
            kind,
            to=address,
            language=pos.languages[0],
            now=now,
            about={"erasure": erasure.pk},
            pos=pos,
            once=f"{kind}|{erasure.pk}{once}|{number}",
        )
        for number, address in people
    ]
    return sum(mail is not None for mail in queued)


def _who_answers(pos: PointOfSale) -> list[tuple[int, str]]:
    rights = "role__permissions"
    may = Q(**{f"{rights}__content_type__app_label": "privacy", f"{rights}__codename": "manage_request"}) | Q(
        **{f"{rights}__content_type__app_label": "contacts", f"{rights}__codename": "erase_contact"}
    )
    staff = StaffMembership.objects.filter(may, organiser=pos.organiser_id, user__is_active=True)
    found = sorted(set(staff.values_list("user_id", "user__email")))
    fallback = pos.organiser.privacy_contact or pos.email_sender_address
    return found or ([(0, fallback)] if fallback else [])


def shop_of(erasure: Erasure) -> PointOfSale | None:
    """The shop in whose look mails about a request leave where nobody is at one."""
    shops = PointOfSale.objects.filter(organiser=erasure.organiser_id).select_related("organiser")
    return shops.order_by("-active", "pk").first()
