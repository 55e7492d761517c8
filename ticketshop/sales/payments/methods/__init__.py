"""The payment methods: one file each, and the list. A new method is a file and a line here."""

from collections.abc import Iterable
from decimal import Decimal

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from ticketshop.lib.database.compiled import Compiled, Parameter
from ticketshop.organisers.models import Organiser, PointOfSale

from ...models import PaymentMethod
from .bank_transfer import BankTransfer
from .base import Method, RedirectMethod
from .card_terminal import CardTerminal
from .cash import Cash
from .free import Free
from .invitation import Invitation
from .invoice import Invoice
from .on_site import OnSite
from .stripe_checkout import StripeCheckout
from .trial import Trial

# Shown beside every method whose keys are for tests.
TEST_MODE = gettext_lazy("Test mode: no money moves.")
METHODS: dict[str, type[Method]] = {
    method.code: method
    for method in (Free, StripeCheckout, OnSite, BankTransfer, Cash, CardTerminal, Invoice, Invitation, Trial)
}
# The code under which a payment is noted that stands in a bank file, and the codes of the methods whose buyers transfer money.
TRANSFER = BankTransfer.code
CASH = Cash.code
ON_SITE = OnSite.code
# The codes of the methods by which staff take money themselves: what is paid at the box office comes by one of them.
TAKEN_BY_STAFF = (Cash.code, CardTerminal.code)
# The codes of the methods whose money staff have in their hands or note at the terminal. Earlier versions did not ask how money came
# at the box office.
AT_HAND = (*TAKEN_BY_STAFF, OnSite.code)
TRANSFERS = (BankTransfer.code, Invoice.code)
# The method of a payment that was credited in an exchange. Nobody can choose it.
EXCHANGE = "exchange"
_ROWS = Compiled(lambda: PaymentMethod.objects.filter(point_of_sale=Parameter("pos")))


def codes() -> list[str]:
    """Return the codes of the methods that a point of sale can offer."""
    return [code for code in METHODS if code not in (Free.code, Trial.code)]


def offered(pos: PointOfSale, total: Decimal, currency: str) -> dict[str, Method]:
    """Return the methods that a buyer may choose for this total: code -> method, in the order of the list."""
    return _for_buyers(_usable(pos, _ROWS.all(pos=pos.pk), total, currency))


def offered_at_counter(pos: PointOfSale, total: Decimal, currency: str) -> dict[str, Method]:
    """Return the methods that staff may choose for an order of this total, those for staff first: code -> method.

    Payment on a page of a provider is not among them, because only the buyer can pay there.
    """
    methods = _usable(pos, _ROWS.all(pos=pos.pk), total, currency)
    here = {code: method for code, method in methods.items() if not method.redirects}
    return dict(sorted(here.items(), key=lambda item: not item[1].paid_at_once))


def _for_buyers(methods: dict[str, Method]) -> dict[str, Method]:
    return {code: method for code, method in methods.items() if not method.staff_only}


def _usable(
    pos: PointOfSale, all_rows: Iterable[PaymentMethod], total: Decimal, currency: str
) -> dict[str, Method]:
    """Return the methods that are switched on; of a shop that was never opened those with which no money moves."""
    methods = _switched_on(all_rows, total, currency)
    if not pos.in_trial:
        return methods
    harmless = {code: method for code, method in methods.items() if method.test_mode or total == 0}
    trial = Trial({})
    return harmless | ({Trial.code: trial} if trial.takes(total, currency) else {})


def _switched_on(all_rows: Iterable[PaymentMethod], total: Decimal, currency: str) -> dict[str, Method]:
    rows = {row.code: row for row in all_rows if row.enabled}
    methods = {}
    for code, method in METHODS.items():
        configured = method(rows[code].settings if code in rows else {})
        if (code in rows or method is Free) and code != Trial.code and configured.takes(total, currency):
            methods[code] = configured
    return methods


def of_order_and_others(
    pos: PointOfSale, code: str, total: Decimal, currency: str
) -> tuple[Method, dict[str, Method]]:
    """Return the method of an order as ``of_order`` does, and the others that its buyer may choose for this total. One query."""
    rows = list(_ROWS.all(pos=pos.pk))
    settings = {row.code: row.settings for row in rows}
    others = _for_buyers(_usable(pos, rows, total, currency))
    others.pop(code, None)
    return METHODS[code](settings.get(code, {})), others


def name_of(code: str) -> str:
    """Return the label of a method, such as “Bank transfer”; the code of a method that no longer exists."""
    if code == EXCHANGE:
        return _("Exchange")
    return str(METHODS[code].label) if code in METHODS else code


def of_order(pos: PointOfSale, code: str) -> Method:
    """Return the method an order was placed with, with its settings of today, even if it is switched off by now."""
    settings = {row.code: row.settings for row in _ROWS.all(pos=pos.pk)}
    return METHODS[code](settings.get(code, {}))


def redirects(code: str) -> bool:
    """Return whether the buyers of this method pay on a page of a provider."""
    return code in METHODS and METHODS[code].redirects


def redirecting(pos: PointOfSale, code: str) -> RedirectMethod | None:
    """Return the method with its settings of today if its buyers pay on a page of a provider, else None.

    No query for other methods.
    """
    if not redirects(code):
        return None
    method = of_order(pos, code)
    assert isinstance(method, RedirectMethod), f"{code} redirects and is no RedirectMethod"
    return method


def of_shop(pos: PointOfSale) -> list[Method]:
    """Return the methods that a shop offers its visitors, for any total."""
    rows = [row for row in _ROWS.all(pos=pos.pk) if row.enabled and row.code in METHODS]
    return [METHODS[row.code](row.settings) for row in rows if not METHODS[row.code].staff_only]


def told_companies(organiser: Organiser) -> list[tuple[str, str]]:
    """Return the companies that get data of buyers: (name, what it gets). Offered methods of an organiser's shops only."""
    rows = PaymentMethod.objects.filter(point_of_sale__organiser=organiser, enabled=True)
    companies = {}
    for row in rows.order_by("pk"):
        method = METHODS[row.code](row.settings) if row.code in METHODS else None
        if method is not None and method.recipient and not method.faults():
            companies[method.recipient] = str(method.recipient_gets)
    return list(companies.items())


def form_origins(methods: Iterable[Method]) -> list[str]:
    """Return the origins to which a form leads that offers these methods."""
    return [
        origin for method in methods if isinstance(method, RedirectMethod) for origin in method.form_origins()
    ]
