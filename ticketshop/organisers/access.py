"""Queries for points of sale that check whether visitors may see them."""

from django.db.models import Q, QuerySet

from ticketshop.lib.database.compiled import Compiled, MadeOfRows, Parameter

from .models import PointOfSale, StaffMembership


def points_of_sale() -> QuerySet[PointOfSale]:
    """Return the shops that are switched on, sorted by name."""
    return PointOfSale.objects.filter(active=True).select_related("organiser")


def reachable(prefix: str = "") -> Q:
    """Return the condition for shops with pages for visitors: switched on now or at some time before."""
    return Q(**{f"{prefix}active": True}) | Q(**{f"{prefix}first_opened_at__isnull": False})


_BY_SLUG = Compiled(
    lambda: PointOfSale.objects.filter(slug=Parameter("slug")).select_related("organiser").order_by()
)


def may_try(user, pos: PointOfSale) -> bool:
    """Return whether the user is staff of the shop's organiser, and may see a shop that was never opened. One query."""
    if not user.is_authenticated or not user.is_active:
        return False
    return user.is_superuser or StaffMembership.objects.filter(user=user, organiser=pos.organiser_id).exists()


READ_SHOPS = MadeOfRows(lambda rows: _BY_SLUG.instances(rows)[0], most=200)


def point_of_sale(slug: str) -> PointOfSale | None:
    """Return the shop with this slug and its organiser, or None; one query. Staff alone may see one that is ``in_trial``.

    Requests share the instances: don't change them.
    """
    rows = _BY_SLUG.tuples(slug=slug)
    return READ_SHOPS.get(slug, rows) if rows else None
