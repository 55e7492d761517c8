"""Sentences for the start page of the back office about offered payment methods that do not work, or move no money."""

from dataclasses import dataclass

from django.db.models import QuerySet
from django.urls import reverse
from django.utils.translation import gettext as _

from ticketshop.organisers import permissions, role_names
from ticketshop.organisers.models import PointOfSale

from ..models import PaymentMethod
from .methods import METHODS

# Who sees the sentences, and who may do something about them.
SEES, SETS_UP = "sales.view_order", "sales.change_paymentmethod"


@dataclass(frozen=True)
class MethodState:
    """A sentence about an offered method. ``url``: the page with its settings, empty for staff who may not change them."""

    sentence: str
    is_fault: bool
    url: str = ""


def read(user) -> list[MethodState]:
    """Return what staff should hear of the methods of their points of sale: that visitors can't use one, or that it is in test mode.

    One query. Methods without a payment service have neither.
    """
    return _states(permissions.for_staff(_offered().filter(point_of_sale__active=True), user, SEES), user)


def faults_of(pos: PointOfSale, user) -> list[MethodState]:
    """Return the methods of a point of sale that visitors can't use although they are offered, for its page. One query."""
    return [state for state in _states(_offered().filter(point_of_sale=pos), user) if state.is_fault]


def _offered() -> QuerySet[PaymentMethod]:
    codes = [code for code, method in METHODS.items() if method.redirects]
    rows = PaymentMethod.objects.filter(enabled=True, code__in=codes)
    return rows.select_related("point_of_sale__organiser").order_by("point_of_sale__name", "pk")


def _states(rows: QuerySet[PaymentMethod], user) -> list[MethodState]:
    return [state for row in rows if (state := _state(row, user)) is not None]


def _state(row: PaymentMethod, user) -> MethodState | None:
    method = METHODS[row.code](row.settings)
    pos = row.point_of_sale
    values = {"method": method.label, "shop": pos.name}
    may_set_up = user.has_perm(SETS_UP, pos)
    url = reverse("admin:organisers_pointofsale_change", args=[pos.pk]) if may_set_up else ""
    if method.faults():
        sentence = (
            _("Visitors of “%(shop)s” can’t pay by “%(method)s”: its keys are missing or wrong.") % values
        )
        return MethodState(
            sentence if may_set_up else f"{sentence} {role_names.ask_them(SETS_UP)}", True, url
        )
    if method.test_mode:
        return MethodState(
            _("“%(method)s” of “%(shop)s” is in test mode: no money moves.") % values, False, url
        )
    return None
