"""Half up to the cent, on each line, never on sums."""

from decimal import Decimal

import pytest
from django.utils import translation
from hypothesis import given
from hypothesis import strategies as st

from ticketshop.lib.values import money
from ticketshop.lib.web.template_tags import money as shown

PRICES = st.decimals(0, 100_000, places=2)
RATES = st.decimals(0, 50, places=2)


@pytest.mark.parametrize(
    ("amount", "rounded"),
    [
        ("0.005", "0.01"),
        ("0.015", "0.02"),
        ("0.025", "0.03"),
        ("2.674999", "2.67"),
        ("1", "1.00"),
        ("-0.005", "-0.01"),
    ],
)
def test_half_a_cent_goes_up(amount, rounded):
    assert str(money.to_cents(Decimal(amount))) == rounded


@pytest.mark.parametrize(
    ("total", "rate", "vat"),
    [
        ("35.00", "2.60", "0.89"),
        ("35.00", "8.10", "2.62"),
        ("107.70", "7.70", "7.70"),
        ("35.00", "0", "0.00"),
        ("0.00", "8.10", "0.00"),
    ],
)
def test_vat_is_what_the_price_contains(total, rate, vat):
    assert str(money.vat_included(Decimal(total), Decimal(rate))) == vat


@given(PRICES, RATES)
def test_net_and_vat_add_up_to_the_price(total, rate):
    vat = money.vat_included(total, rate)
    net = total - vat
    assert Decimal(0) <= vat <= total
    assert vat == money.to_cents(vat)
    # The rate of the net amount is the VAT, but for the rounding of one cent.
    assert abs(net * rate / 100 - vat) <= money.CENT


@pytest.mark.parametrize(("language", "text"), [("en", "CHF\xa01,234.50"), ("fr", "1\xa0234,50\xa0CHF")])
def test_money_is_written_as_the_language_does(language, text):
    with translation.override(language):
        assert shown(Decimal("1234.5"), "CHF") == text
        assert shown(Decimal("-1234.5"), "CHF") == f"\N{MINUS SIGN}{text}"
