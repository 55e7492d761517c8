"""The payment methods: one file each, and the list. A new method is a file and a line here."""

from decimal import Decimal

from ticketshop.lib.database.compiled import Compiled, Parameter
from ticketshop.organisers.models import PointOfSale

from ...models import PaymentMethod
from .bank_transfer import BankTransfer
from .base import Method
from .free import Free
from .on_site import OnSite

METHODS: dict[str, type[Method]] = {method.code: method for method in (Free, OnSite, BankTransfer)}
CHOICES = [(method.code, method.label) for method in METHODS.values() if method is not Free]
_ROWS = Compiled(lambda: PaymentMethod.objects.filter(point_of_sale=Parameter("pos")))


def offered(pos: PointOfSale, total: Decimal, currency: str) -> dict[str, Method]:
    """Return the methods that a buyer may choose for this total: code -> method, in the order of the list."""
    rows = {row.code: row for row in _ROWS.all(pos=pos.pk) if row.enabled}
    methods = {}
    for code, method in METHODS.items():
        configured = method(rows[code].settings if code in rows else {})
        if (code in rows or method is Free) and configured.takes(total, currency):
            methods[code] = configured
    return methods


def name_of(code: str) -> str:
    """Return the label of a method, such as “Bank transfer”; the code of a method that no longer exists."""
    return str(METHODS[code].label) if code in METHODS else code


def of_order(pos: PointOfSale, code: str) -> Method:
    """Return the method an order was placed with, with its settings of today, even if it is switched off by now."""
    settings = {row.code: row.settings for row in _ROWS.all(pos=pos.pk)}
    return METHODS[code](settings.get(code, {}))
