"""Phone numbers in any notation; no typed digit is dropped silently."""

import pytest
from django.core.exceptions import ValidationError
from django.utils import translation

from ticketshop.lib.values.phones import country_hint, parse_phone, searched


@pytest.mark.parametrize(
    "typed",
    [
        "044 668 18 00",
        "044/668.18.00",
        "(044) 668-18-00",
        "+41 (0)44 668 18 00",
        "0041446681800",
        "tel:+41-44-668-18-00",
        "Tél. 044 668 18 00",
        "T: 044 668 18 00",
        "044\u00a0668\u202f18\u201100",
        "０４４ 668 18 00",
    ],
)
def test_every_way_of_writing_a_number_is_stored_as_one(typed):
    assert parse_phone(typed, "CH") == "+41446681800"


@pytest.mark.parametrize(
    ("typed", "extension"),
    [
        ("044 668 18 00 x123", "x123"),
        ("044 668 18 00 poste 12", "poste 12"),
        ("+41 44 668 18 00;ext=9", "ext=9"),
        ("044 668 18 00 #7", "#7"),
    ],
)
def test_extension_is_refused_by_name_and_not_dropped(typed, extension):
    with pytest.raises(ValidationError) as refusal:
        parse_phone(typed, "CH")
    assert f"without its extension ({extension})" in refusal.value.messages[0]


@pytest.mark.parametrize(
    "typed",
    [
        "044 668 18 00 Büro",
        "0800 FLOWERS",
        "044 668 18 00 / 079 123 45 67",
        "079 123 45 6",
        "06 12 34",
        "ask me",
    ],
)
def test_what_would_lose_something_is_refused(typed):
    with pytest.raises(ValidationError, match="such as"):
        parse_phone(typed, "CH")


def test_number_without_country_code_belongs_to_the_country_that_is_shown():
    assert parse_phone("06 12 34 56 78", "FR") == "+33612345678"
    assert "France (+33)" in country_hint("FR")
    with translation.override("fr"):
        assert "Suisse (+41)" in country_hint("")


def test_search_reads_a_number_in_the_same_forms_and_leaves_words_alone():
    for typed in ("tel:+41-44-668-18-00", "+41\u00a044 668 18 00 x12"):
        assert searched(typed).replace("-", " ") == "+41 44 668 18 00"
    for typed in ("Ada Lovelace", "12", "ada@example.org", "7KQ4-M9XD", "M3467479"):
        assert searched(typed) == typed
