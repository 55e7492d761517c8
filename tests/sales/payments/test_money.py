"""Amounts: VAT on each line, rounded once; totals that add up; references that banks verify."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.factories.catalogue import OfferFactory, SeasonPassFactory
from tests.factories.organisers import PointOfSaleFactory
from tests.factories.sales import make_order
from ticketshop.lib.values.money import CENT, to_cents, vat_included
from ticketshop.sales.payments.methods.bank_transfer import creditor_reference

AMOUNTS = st.decimals(min_value=0, max_value=100_000, places=2)
RATES = st.decimals(min_value=0, max_value=50, places=2)


def tariff(pos, price, rate, name="Adult"):
    offer = OfferFactory(pos=pos, price=Decimal(price))
    offer.tariff.vat_rate, offer.tariff.name = Decimal(rate), name
    offer.tariff.save()
    return offer


@pytest.mark.django_db
def test_vat_is_rounded_on_each_line_and_the_order_is_their_sum():
    pos = PointOfSaleFactory()
    season_pass = SeasonPassFactory(pos=pos, price=Decimal("99.90"), vat_rate=Decimal("8.10"))
    order = make_order({tariff(pos, "0.99", "2.60"): 3, tariff(pos, "10.05", "7.70"): 1, season_pass: 2})
    lines = {str(line.total): str(line.vat_amount) for line in order.lines.all()}
    # 2.97 x 2.6 / 102.6 = 0.0752…, 10.05 x 7.7 / 107.7 = 0.7185…, 199.80 x 8.1 / 108.1 = 14.9711…
    assert lines == {"2.97": "0.08", "10.05": "0.72", "199.80": "14.97"}
    assert (str(order.total), str(order.vat_total)) == ("212.82", "15.77")
    assert order.payments.get().amount == order.total


@pytest.mark.django_db
def test_rounding_on_lines_is_not_rounding_on_the_sum():
    pos = PointOfSaleFactory()
    # Each 0.0507 -> 0.05; the sum of all at once would be 0.152 -> 0.15, in one line 6.00 -> 0.15.
    order = make_order({tariff(pos, "2.00", "2.60", str(n)): 1 for n in range(3)})
    assert str(order.vat_total) == "0.15"
    order = make_order({tariff(pos, "2.20", "2.60", str(n)): 1 for n in range(3)})
    # Each 0.0557 -> 0.06, three times 0.18, although 6.60 in one line would carry 0.17.
    assert str(order.vat_total) == "0.18"


@pytest.mark.django_db
def test_a_line_keeps_title_price_and_tax_when_the_catalogue_changes():
    pos = PointOfSaleFactory()
    offer = tariff(pos, "35.00", "2.60")
    order = make_order({offer: 2})
    title = offer.session.event.title
    offer.tariff.price, offer.tariff.vat_rate, offer.tariff.name = (
        Decimal("99.00"),
        Decimal("8.10"),
        "Renamed",
    )
    offer.tariff.save()
    offer.session.event.title = "Renamed"
    offer.session.event.save()
    line = order.lines.get()
    assert (line.title, line.tariff_name) == (title, "Adult")
    assert [str(value) for value in (line.unit_price, line.total, line.vat_rate, line.vat_amount)] == [
        "35.00",
        "70.00",
        "2.60",
        "1.77",
    ]


@given(AMOUNTS, RATES)
def test_vat_is_part_of_the_total_and_less_than_half_a_cent_off(total, rate):
    vat = vat_included(total, rate)
    assert 0 <= vat <= total
    assert vat == vat.quantize(CENT)
    assert abs(vat - total * rate / (100 + rate)) <= CENT / 2


def test_half_a_cent_goes_up():
    assert [str(to_cents(Decimal(text))) for text in ("0.005", "0.0049", "2.675", "1.225")] == [
        "0.01",
        "0.00",
        "2.68",
        "1.23",
    ]


# --- the reference of a bank transfer (ISO 11649) ---------------------------------------------------------


def remainder(reference: str) -> int:
    """Compute the remainder as a bank does: RF and check digits moved to the end, letters as numbers, modulo 97."""
    turned = reference[4:] + reference[:4]
    return int("".join(str(int(letter, 36)) for letter in turned)) % 97


def test_the_example_of_the_standard():
    assert creditor_reference("539007547034") == "RF18539007547034"


@given(st.text(alphabet="34679ACDEFGHJKMNPQRTWXY", min_size=1, max_size=21))
def test_every_reference_passes_the_banks_check_and_a_mistyped_one_does_not(text):
    reference = creditor_reference(text)
    assert remainder(reference) == 1
    assert len(reference) <= 25
    for place in range(4, len(reference)):
        # A digit for a digit, a letter for a letter: what a mod-97 check promises to notice.
        same_kind = "34679" if reference[place].isdecimal() else "ACDEFGHJKMNPQRTWXY"
        other = same_kind[same_kind.index(reference[place]) - 1]
        assert remainder(reference[:place] + other + reference[place + 1 :]) != 1


def test_two_neighbours_exchanged_are_noticed():
    reference = creditor_reference("7KQ4-M9XD")
    assert reference[4:] == "7KQ4M9XD"
    swapped = reference[:5] + reference[6] + reference[5] + reference[7:]
    assert remainder(swapped) != 1


@pytest.mark.django_db
def test_an_order_by_bank_transfer_quotes_such_a_reference():
    order = make_order(method="bank_transfer")
    reference = order.payments.get().reference
    assert reference.endswith(order.reference.replace("-", ""))
    assert remainder(reference) == 1
    assert make_order(method="on_site").payments.get().reference == ""
