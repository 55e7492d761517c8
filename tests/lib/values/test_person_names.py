"""Real names are accepted, names with links or phone numbers refused."""

import pytest
from django.core.exceptions import ValidationError

from ticketshop.lib.values.person_names import no_markup_in_name, top_level_domains

REAL = [
    "Md.Rahim", "St.John", "Dr.Müller", "Ma.Teresa", "Ma.Cristina", "Gal.la", "Marcel.lí", "Th.Mann", "Sr.Juan", "van.der Berg",
    "J.R.R. Tolkien", "J.R.R.Tolkien", "M.Curie", "A.Li", "D.B. Cooper", "Jr.", "Ph.D", "St. Clair", "Anna.Maria", "Elisabeth II",
    "X Æ A-12", "John 3rd", "Class 4b 2026", "Visitor1732838123", "9f86d081884c", "O’Brien", "ʻIolani", "Jean-Paul", "د.محمد",
]  # fmt: skip
LINKS = [
    "evil.example", "see Evil.Com now", "x.co/a", "x.com", "bit.ly", "paypal.la", "evil.com.", "evil。com", "ev－il．com", "пример.рф",
    "山田.中国", "evil.xn--p1ai", "call.evil.org", "http://x", "www.x", "a@b", "javascript://x", "evil.museum", "Gal.la evil.la",
]  # fmt: skip
NUMBERS = [
    "Call +41 79 123 45 67 you won",
    "Ring ٠٧٩١٢٣٤٥٦٧",
    "１２３４５６７",
    "0800 123 123",
    "Ring 0791234567!",
]


def refused(name: str) -> bool:
    try:
        no_markup_in_name(name)
    except ValidationError:
        return True
    return False


@pytest.mark.scenario("FF-11")
def test_real_names_are_accepted():
    assert [name for name in REAL if refused(name)] == []


@pytest.mark.scenario("FF-11")
def test_links_and_phone_numbers_are_refused():
    assert [name for name in LINKS + NUMBERS if not refused(name)] == []


def test_top_level_domains_are_those_of_the_internet():
    assert {"com", "ch", "museum", "рф", "xn--p1ai", "中国"} <= top_level_domains()
    assert not {"john", "rahim", "teresa", "müller"} & top_level_domains()
