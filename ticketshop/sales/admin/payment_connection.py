"""The button *Test the connection* of a point of sale: asks each payment service whether its keys work."""

from datetime import datetime

from django.contrib import messages
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from ticketshop.office.buttons import Button, Outcome
from ticketshop.organisers.models import PointOfSale

from ..models import PaymentMethod
from ..payments import provider_pages
from ..payments.methods import METHODS, TEST_MODE
from ..payments.methods.base import KeysRefused, ProviderUnavailable, RedirectMethod


def _rows(pos: PointOfSale) -> list[tuple[PaymentMethod, RedirectMethod]]:
    """Return the methods of a shop whose buyers pay on a page of a provider, as far as their settings are filled in."""
    rows = PaymentMethod.objects.filter(point_of_sale=pos).order_by("pk")
    configured = [(row, METHODS[row.code](row.settings)) for row in rows if row.code in METHODS]
    return [
        (row, method)
        for row, method in configured
        if isinstance(method, RedirectMethod) and method.is_set_up(row.settings)
    ]


def _has_provider(pos: PointOfSale) -> bool:
    return bool(_rows(pos))


def _question(pos: PointOfSale) -> list[str]:
    names = ", ".join(str(method.label) for _row, method in _rows(pos))
    return [
        _("The payment service is asked whether it accepts the keys of this shop: %(methods)s.")
        % {"methods": names},
        _("No money moves."),
    ]


def _test(request, pos: PointOfSale, now: datetime) -> Outcome:
    level, sentences = messages.SUCCESS, []
    for row, method in _rows(pos):
        works, sentence = _ask(row, method)
        level = level if works else messages.ERROR
        sentences.append(sentence)
        if works and method.test_mode:
            sentences.append(str(TEST_MODE))
    return level, " ".join(sentences)


def _ask(row: PaymentMethod, method: RedirectMethod) -> tuple[bool, str]:
    """Ask, store whether the keys were refused, and return whether the method can be offered, with sentences."""
    provider_pages.leave_transactions()
    works, sentence, refused = False, "", False
    try:
        works, sentence = method.test_connection()
    except KeysRefused:
        refused = True
    except ProviderUnavailable:
        away = _("The payment service does not answer. Nothing has changed; try again later.")
        return False, _joined(away, *method.faults())
    kept = method.with_answer(refused=refused)
    # Not over settings that were saved while the service was asked: the answer is not about them.
    PaymentMethod.objects.filter(pk=row.pk, settings=row.settings).update(settings=kept)
    faults = type(method)(kept).faults()
    return works and not faults, _joined(sentence, *faults)


def _joined(*sentences) -> str:
    return " ".join(str(text) for text in sentences if text)


TEST_CONNECTION = Button(
    "test-payments",
    gettext_lazy("Test the connection"),
    ("sales.change_paymentmethod",),
    _has_provider,
    _question,
    _test,
)
