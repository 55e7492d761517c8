"""Mails to the members of staff who may answer a request for erasure. They contain no name."""

from datetime import datetime

from django.db.models import Q

from ticketshop.mail import outbox
from ticketshop.organisers.models import PointOfSale, StaffMembership

from ..models import Erasure


def tell(erasure: Erasure, kind: str, pos: PointOfSale, *, now: datetime, once: str = "") -> int:
    """Queue a mail to each member of staff who may answer, or to the organiser if there is none. Return the number of mails.

    A second call with the same ``once`` queues none.
    """
    return tell_each(_answering_staff(pos), erasure, kind, pos, now=now, once=once)


def tell_each(
    people: list[tuple[int, str]],
    erasure: Erasure,
    kind: str,
    pos: PointOfSale,
    *,
    now: datetime,
    once: str = "",
) -> int:
    """Queue a mail to each of ``people``: (id of the user, e-mail address). Return the number of mails.

    A second call with the same ``once`` queues none.
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


def _answering_staff(pos: PointOfSale) -> list[tuple[int, str]]:
    permissions = "role__permissions"
    may_answer = Q(
        **{f"{permissions}__content_type__app_label": "privacy", f"{permissions}__codename": "manage_request"}
    ) | Q(
        **{f"{permissions}__content_type__app_label": "contacts", f"{permissions}__codename": "erase_contact"}
    )
    staff = StaffMembership.objects.filter(may_answer, organiser=pos.organiser_id, user__is_active=True)
    people = sorted(set(staff.values_list("user_id", "user__email")))
    fallback = pos.organiser.privacy_contact or pos.email_sender_address
    return people or ([(0, fallback)] if fallback else [])


def shop_of(erasure: Erasure) -> PointOfSale | None:
    """Return the point of sale whose layout the mails have: an active one if there is any; None without a point of sale."""
    shops = PointOfSale.objects.filter(organiser=erasure.organiser_id).select_related("organiser")
    return shops.order_by("-active", "pk").first()
