"""The first day of a month, in both languages and in each way of formatting a date."""

from datetime import UTC, date, datetime

import pytest
from django.template import Context, Template
from django.utils import translation
from django.utils.formats import date_format, localize

from ticketshop.lib.dates import days

FIRST, SECOND = date(2026, 1, 1), date(2026, 1, 2)


@pytest.mark.parametrize(
    ("form", "text"),
    [
        ("j F Y", "1er janvier 2026"),
        ("l j F Y", "jeudi 1er janvier 2026"),
        ("j F", "1er janvier"),
        ("DATE_FORMAT", "1er janvier 2026"),
        ("D j N", "jeu 1er jan."),
        ("j.n.Y", "1.1.2026"),
        ("SHORT_DATE_FORMAT", "01/01/2026"),
        ("j", "1"),
        (r"\j F", "j janvier"),
    ],
)
def test_first_day_of_a_month_in_french(form, text):
    with translation.override("fr"):
        assert date_format(FIRST, form) == text


def test_only_the_first_day_and_only_in_french():
    with translation.override("fr"):
        assert date_format(SECOND, "j F Y") == "2 janvier 2026"
        assert date_format(date(2026, 1, 21), "j F Y") == "21 janvier 2026"
        assert (
            date_format(datetime(2026, 1, 1, 20, 0, tzinfo=UTC), "l j F Y, H:i")
            == "jeudi 1er janvier 2026, 20:00"
        )
    with translation.override("en"):
        assert date_format(FIRST, "j F Y") == "1 January 2026"


def test_templates_and_sentences_write_it_too():
    with translation.override("fr"):
        page = Template('{{ day|date:"j F Y" }} {{ day }}').render(Context({"day": FIRST}))
        assert page == "1er janvier 2026 1er janvier 2026"
        assert localize(FIRST) == "1er janvier 2026"
        assert days.until_text(FIRST) == "jeudi 1er janvier 2026"
