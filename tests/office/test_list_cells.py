"""The cells of lists, and their links, are those of Django's admin."""

from datetime import date, time
from decimal import Decimal

import pytest
from django.contrib import admin
from django.contrib.admin.templatetags import admin_list
from django.contrib.admin.views.main import ChangeList
from django.core.exceptions import ObjectDoesNotExist
from django.test import RequestFactory
from django.urls import resolve
from django.utils import timezone
from django.utils.html import format_html
from django.utils.safestring import mark_safe
from django.utils.translation import gettext_lazy

from contacts.models import Contact
from tests.factories.accounts import SuperuserFactory
from tests.factories.contacts import ContactFactory
from tests.factories.organisers import PointOfSaleFactory, make_staff
from tests.staff import Staff, listing
from ticketshop.catalogue.models import Event
from ticketshop.office.lists import PageList

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


HTML = "<i>&amp; 'Bobby'</i>"
VALUES = {
    "html": HTML,
    "made": format_html("<b>{}</b>", HTML),
    "blank": "  ",
    "empty": "",
    "blank_made": mark_safe(" "),
    "nothing": None,
    "number": 1234567,
    "amount": Decimal("1234.50"),
    "truth": True,
    "day": date(2026, 11, 30),
    "instant": timezone.now(),
    "hour": time(19, 30),
    "several": [HTML, 2],
    "nobody": (),
    "translated": gettext_lazy("Archive"),
}
FIELDS = [
    "first_name",
    "city",
    "kind",
    "organiser",
    "user",
    "birth_date",
    "created_at",
    "email_kept",
    "company",
]


def column_of(name: str, value: object, **attributes):
    """Return a column of a list that has this value in each row."""

    def column(_page, _row):
        return value

    column.__name__ = name
    for attribute, content in attributes.items():
        setattr(column, attribute, content)
    return column


def missing(_page, _row):
    """Stand for a column that reads a related row that is not there."""
    raise ObjectDoesNotExist


def unnamed(row: Contact) -> str:
    return HTML + row.first_name


COLUMNS = {name: column_of(name, value) for name, value in VALUES.items()} | {
    "yes": column_of("yes", True, boolean=True),
    "unknown": column_of("unknown", None, boolean=True),
    "own_dash": column_of("own_dash", None, empty_value_display=HTML),
    "missing": missing,
}


@pytest.mark.parametrize("links", [(), None, ("city", "html", "organiser", "instant")])
def test_cells_of_every_kind_of_column_are_those_of_django(links):
    written, blank = ContactFactory(birth_date=date(2000, 1, 2)), ContactFactory(first_name="", city="Basel")
    Contact.objects.filter(pk=written.pk).update(first_name=HTML, company=HTML)
    Contact.objects.filter(pk=blank.pk).update(company="  ")
    names = ["action_checkbox", *FIELDS, *COLUMNS, "__str__", "full_name", unnamed, lambda row: row.city]
    settings = {"list_display": names, "list_display_links": links}
    page = type("Kinds", (admin.ModelAdmin,), COLUMNS | settings)(Contact, admin.site)
    user = SuperuserFactory()
    cells = rows_of(page, user, PageList).cells
    assert cells == djangos_cells(rows_of(page, user, ChangeList))
    assert cells.count("<tr>") == Contact.objects.count() > 1 and cells.count("&lt;i&gt;") > 10
    assert "<i>" not in cells
