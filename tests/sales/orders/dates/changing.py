"""Changes of dates with tickets, made by the functions that the pages of staff call once staff have confirmed."""

from django.db import transaction
from django.utils import timezone

from ticketshop.catalogue import dates
from ticketshop.catalogue.models import Session
from ticketshop.sales.models import DateChange
from ticketshop.sales.orders.dates import date_changes


@transaction.atomic
def change_date(
    session: Session, *, message: str = "", refund: bool = False, by=None, **columns: object
) -> DateChange:
    """Write these columns of a date and announce the change to the people concerned. Return the change.

    With ``refund`` the job cancels the tickets and pays them back.
    """
    before = dates.facts_of([session.pk], lock=True)
    Session.objects.filter(pk=session.pk).update(**columns)
    after = dates.facts_of([session.pk])
    return date_changes.announce(
        {session.pk: (before[session.pk], after[session.pk])},
        organiser=session.event.organiser,
        message=message,
        tell=True,
        refund=refund,
        by=by,
        now=timezone.now(),
    )


def cancel_date(session: Session, **values) -> DateChange:
    """Cancel a date. ``values``: those of ``change_date``."""
    return change_date(session, state=Session.State.CANCELLED, **values)
