"""Pages of the back office show no technical codes, whichever row they are about.

``test_routes.py`` checks the pages of one row of each model, and all pages of visitors.
"""

import pytest
from django.apps import apps
from django.http import HttpResponse

from tests.project.codes import codes_in
from tests.project.test_routes import ABOUT_CODES, ADMIN, browser
from tests.staff import change, listing

pytestmark = pytest.mark.django_db


def test_code_in_the_text_is_found():
    page = HttpResponse('<p class="a_b">state: link_new, Theatre_, well-known</p><script>no_code</script>')
    assert codes_in(page) == ["link_new"]


def test_back_office_pages_of_the_newest_rows_show_no_codes(world):
    client, seen = browser(world.admin), 0
    for name in sorted(ADMIN.keys() - ABOUT_CODES):
        model = apps.get_model(name)
        pages = [listing(model)]
        known = world.aye.row(name).pk if not ADMIN[name].platform else None
        newest = model._default_manager.exclude(pk=known).order_by("-pk")[:1]
        pages += [change(row, model) for row in newest]
        pages += [page.replace("/change/", "/history/") for page in pages[1:]]
        for address in pages:
            page = client.get(address)
            assert codes_in(page) == [], address
            seen += page.status_code == 200
    assert seen > 60
