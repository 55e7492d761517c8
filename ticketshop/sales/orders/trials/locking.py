"""A test order and the opening of its shop come one after the other."""

from ticketshop.organisers.models import PointOfSale

from ..buyers import CannotPlace


def lock_if_in_trial(pos: PointOfSale) -> None:
    """Lock the row of a shop that was never opened, until the end of the transaction. No query for other shops.

    Opening locks the same row and deletes all test orders. Raise CannotPlace if the shop was opened just now: what was shown as a
    test would be a real order.
    """
    if not pos.in_trial:
        return
    rows = PointOfSale.objects.select_for_update(no_key=True).filter(pk=pos.pk, active=False)
    if not list(rows.filter(first_opened_at=None).values_list("pk")):
        raise CannotPlace("changed")
