"""The cells of lists, and their links, are those of Django's admin."""

import pytest
from django.contrib import admin
from django.contrib.admin.templatetags import admin_list
from django.contrib.admin.views.main import ChangeList
from django.test import RequestFactory
from django.urls import resolve

from contacts.models import Contact
from tests.factories.accounts import SuperuserFactory
from tests.factories.contacts import ContactFactory
from tests.factories.organisers import PointOfSaleFactory, make_staff
from tests.staff import Staff, listing
from ticketshop.catalogue.models import Event

pytestmark = pytest.mark.django_db


def rows_of(page, user, kind: type[ChangeList], query: str = "") -> ChangeList:
    """Return the list of a page as a user gets it, made by this class."""
    request = RequestFactory().get(listing(page.model) + query)
    request.user, request.resolver_match = user, resolve(request.path)
    page.get_changelist = lambda _request: kind
    try:
        rows = page.get_changelist_instance(request)
    finally:
        del page.get_changelist
    rows.formset = None
    return rows


def djangos_cells(rows: ChangeList) -> str:
    """Return the rows as Django's template writes them."""
    return "".join(f"<tr>{''.join(cells)}</tr>" for cells in admin_list.results(rows))


@pytest.mark.parametrize("query", ["", "?q="])
def test_cells_and_links_of_all_lists_are_those_of_django(query, aye):
    user, compared, filtered = SuperuserFactory(), set(), set()
    for model, page in admin.site._registry.items():
        text = query and f"{query}Aye"
        kind = page.get_changelist(None)
        ours = rows_of(page, user, kind, text)
        expected = djangos_cells(rows_of(page, user, ChangeList, text))
        assert ours.cells == expected, model._meta.label
        if ours.result_list:
            compared.add(model)
            filtered |= {model} if "_changelist_filters=q%3DAye" in expected else set()
    assert len(compared) > (5 if query else 25)
    assert {Contact, Event} <= filtered or not query


def test_values_are_escaped_and_empty_ones_have_a_dash():
    pos = PointOfSaleFactory()
    ContactFactory(organiser=pos.organiser, first_name="", last_name="<i>Bobby</i>", email=None, phone="")
    page = Staff(make_staff(pos.organiser)).open(listing(Contact))
    assert "&lt;i&gt;Bobby&lt;/i&gt;</a></td>" in page.source
    assert "<i>Bobby" not in page.source
    assert page.source.count(">-</td>") == 2
