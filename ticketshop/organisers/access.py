"""The doors to points of sale."""

from django.db.models import QuerySet

from ticketshop.lib.compiled import Compiled, Parameter

from .models import PointOfSale


def points_of_sale() -> QuerySet[PointOfSale]:
    """The shops that are switched on, by name."""
    return PointOfSale.objects.filter(active=True).select_related("organiser")


_BY_SLUG = Compiled(lambda: points_of_sale().filter(slug=Parameter("slug")).order_by())


def point_of_sale(slug: str) -> PointOfSale | None:
    """The shop at ``slug`` if it is switched on, with its organiser: one query."""
    return _BY_SLUG.first(slug=slug)
