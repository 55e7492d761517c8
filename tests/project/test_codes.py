"""Pages of the back office and of the shop show no technical codes."""

import re

import pytest
from django.apps import apps
from django.urls import reverse

from tests.project.test_routes import ADMIN, ROWS, browser
from tests.staff import Staff, change, listing

pytestmark = pytest.mark.django_db
CODE = re.compile(r"\b[a-z]+(?:_[a-z]+)+\b")
# Pages of the platform's administrator, whose subject are codes.
ABOUT_CODES = {"auth.group", "contacts.linktype"}


def test_pattern_finds_a_code():
    assert CODE.findall("state: link_new, Theatre_, well-known") == ["link_new"]


def test_back_office_pages_show_no_codes(world):
    staff, seen = Staff(world.admin), 0
    for name in sorted(ADMIN.keys() - ABOUT_CODES):
        model = apps.get_model(name)
        pages = [listing(model)]
        for row in model._default_manager.order_by("-pk")[:2]:
            pages += [change(row, model), change(row, model).replace("/change/", "/history/")]
        for address in pages:
            page = staff.open(address)
            assert CODE.findall(page.text) == [], address
            seen += page.status == 200
    assert seen > 60


@pytest.mark.parametrize("name", ROWS)
def test_visitor_pages_show_no_codes(name, world):
    page = browser(world.aye.visitor).get(reverse(name, kwargs=ROWS[name].args(world.aye)))
    assert page.status_code == ROWS[name].get[1]
    if page.status_code == 200 and page.headers["Content-Type"].startswith("text/html"):
        text = re.sub(r"(?s)<(script|style|head)\b.*?</\1>|<!--.*?-->|<[^>]*>", " ", page.content.decode())
        assert CODE.findall(text) == []
