"""Tell the buyer what became of an order: one mail per event."""

from datetime import datetime

from ticketshop.mail import outbox

from .models import Order


def queue(order: Order, kind: str, now: datetime, *, again: bool = False) -> None:
    """Queue the mail that tells the buyer; once per event, unless staff ask for it ``again``."""
    buyer = order.buyer
    if buyer is None or not buyer.email:
        return
    outbox.queue(
        kind,
        to=buyer.email,
        language=buyer.language or order.language,
        now=now,
        about={"order": order.pk},
        pos=order.point_of_sale,
        once=None if again else f"{kind}:{order.pk}",
        subject_uuid=buyer.subject_uuid,
    )
