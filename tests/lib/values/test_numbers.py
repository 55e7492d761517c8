"""Typed numbers with point or comma and any grouping; ambiguous texts are refused."""

from decimal import Decimal

import pytest
from django.core.exceptions import ValidationError
from django.utils import translation

from ticketshop.lib.values.numbers import NumberField, read_number, written


@pytest.mark.parametrize(
    ("typed", "number"),
    [
        ("12,50", "12.50"),
        ("12.50", "12.50"),
        ("1’234.50", "1234.50"),
        ("1'234,50", "1234.50"),
        ("1 234,5", "1234.5"),
        ("1\u202f234\u00a0567", "1234567"),
        ("1.234,5", "1234.5"),
        ("1,234.5", "1234.5"),
        ("1.234.567", "1234567"),
        ("−3,5", "-3.5"),
        ("１２", "12"),
        (" 7 ", "7"),
    ],
)
def test_number_is_read_with_point_or_comma_in_any_grouping(typed, number):
    assert read_number(typed) == Decimal(number)


@pytest.mark.parametrize(
    "typed",
    ["1 23", "12 50", "1,2,3", "12.5.1", "1.234,56,7", "NaN", "1e5", "0x10", "12 CHF", ".", "-", "1'23"],
)
def test_anything_else_is_no_number(typed):
    assert read_number(typed) is None
    with pytest.raises(ValidationError, match=r"such as 12\.50 or 12,50"):
        NumberField().clean(typed)


def test_comma_is_never_a_sign_of_thousands_where_it_could_be_decimal():
    with pytest.raises(ValidationError, match="2 decimal places"):
        NumberField(decimal_places=2, max_digits=8).clean("1,234")


def test_number_is_shown_as_the_language_writes_it_and_amounts_keep_their_cents():
    field = NumberField(decimal_places=2, max_digits=8)
    assert field.prepare_value(Decimal("12.5")) == "12.50"
    with translation.override("fr"):
        assert field.prepare_value(Decimal("12.5")) == "12,50"
        assert field.clean(field.prepare_value(Decimal("1234.5"))) == Decimal("1234.5")
        assert written(Decimal("1E+3")) == "1000"
    assert not field.has_changed(Decimal("12.50"), "12,5")


def test_field_is_text_so_that_no_browser_drops_a_comma():
    html = NumberField(min_value=0).widget.render("n", None)
    assert 'type="text"' in html
    assert NumberField(min_value=0).widget.attrs["inputmode"] == "decimal"
    assert "inputmode" not in NumberField().widget.attrs, "that keyboard has no minus"
