"""The doors to points of sale."""

from django.db.models import QuerySet

from .models import PointOfSale


def points_of_sale() -> QuerySet[PointOfSale]:
    """The shops that are switched on, by name."""
    return PointOfSale.objects.filter(active=True).select_related("organiser")


def point_of_sale(slug: str) -> PointOfSale | None:
    """The shop at ``slug`` if it is switched on, with its organiser: one query."""
    return points_of_sale().filter(slug=slug).first()
