"""Every setting is read by code, every permission of a connection has an effect, every staff permission is checked.

A column that only its own page reads would be found here.
"""

import ast
import inspect
import re
from functools import cache
from pathlib import Path

import pytest
from django.apps import apps
from django.contrib import admin
from django.utils import timezone

from accounts.friends import tickets
from contacts.linking import links
from contacts.models import ContactLink, LinkType
from registration_forms.models import Choice, Field, RegistrationForm
from tests.factories.catalogue import OfferFactory
from tests.factories.sales import make_order
from tests.friends import friendly_pos, linked, make_visitor
from tests.visitor import TestClientVisitor
from ticketshop import roles
from ticketshop.catalogue.models import (
    Allotment,
    Category,
    Event,
    Offer,
    OrderForm,
    SeasonPass,
    Session,
    Tariff,
    Venue,
)
from ticketshop.organisers.models import Organiser, PointOfSale
from ticketshop.sales.mails.order_mails import order_path
from ticketshop.sales.models import PaymentMethod, Ticket
from ticketshop.sales.payments.methods import METHODS
from ticketshop.sales.payments.methods.base import Method

ROOT = Path(__file__).parents[2]
PACKAGES = ("accounts", "contacts", "privacy", "registration_forms", "ticketshop")
# A page where a column is set does not make it do something, nor do the demo and the migrations.
SETS = {"admin", "migrations", "demo"}
SETTINGS = [
    Allotment, Category, Choice, Event, Field, LinkType, Offer, OrderForm, Organiser, PaymentMethod, PointOfSale,
    RegistrationForm, SeasonPass, Session, Tariff, Venue,
]  # fmt: skip


def sources() -> list[Path]:
    found = [path for package in PACKAGES for path in (ROOT / package).rglob("*.py")]
    return [
        path for path in found if not SETS & set(path.relative_to(ROOT).parts) and path.name != "admin.py"
    ]


class _Reads(ast.NodeVisitor):
    """Collects the names that a module reads: attributes, keywords, and texts in calls and mappings (paths of columns)."""

    def __init__(self):
        self.names: set[str] = set()

    def visit_ClassDef(self, node):
        if node.name not in {"Personal", "Meta"}:  # declarations
            self.generic_visit(node)
        # ``setting`` of an ``Ends`` names the organiser's setting with the retention time.
        keywords = [
            part for part in ast.walk(node) if isinstance(part, ast.keyword) and part.arg == "setting"
        ]
        self._texts([keyword.value for keyword in keywords])

    def visit_Attribute(self, node):
        if isinstance(node.ctx, ast.Load):
            self.names.add(node.attr)
        self.generic_visit(node)

    def visit_Call(self, node):
        for keyword in node.keywords:
            self.names.update((keyword.arg or "").split("__"))
        self._texts(node.args)
        self.generic_visit(node)

    def visit_Dict(self, node):
        self._texts(node.values)
        self.generic_visit(node)

    def _texts(self, nodes):
        for text in nodes:
            if isinstance(text, ast.Constant) and isinstance(text.value, str):
                self.names.update(text.value.lstrip("-").split("__"))


@cache
def names_read() -> frozenset[str]:
    """Return every name that code or a template reads, outside of the pages where settings are changed."""
    reads = _Reads()
    for path in sources():
        reads.visit(ast.parse(path.read_text()))
    for path in (ROOT / "templates").rglob("*.*"):
        if "admin" not in path.relative_to(ROOT).parts:
            reads.names.update(re.findall(r"\.(\w+)", path.read_text()))
    return frozenset(reads.names)


def columns_of(model) -> set[str]:
    """Return the columns of a model, each translated one once."""
    names = {field.name for field in (*model._meta.concrete_fields, *model._meta.many_to_many)}
    return {re.sub(r"_(en|fr|de|it)$", "", name) for name in names} - {"id"}


@pytest.mark.parametrize("model", SETTINGS, ids=lambda model: model.__name__)
def test_each_setting_is_read_by_code(model):
    assert len(columns_of(model)) > 1
    assert columns_of(model) - names_read() == set()


def test_unread_column_would_be_found():
    assert "minor_age" not in names_read()
    assert "hold_minutes" in names_read()


@pytest.mark.parametrize("code", METHODS)
def test_each_setting_of_a_payment_method_is_read(code):
    modules = {inspect.getmodule(base) for base in METHODS[code].__mro__ if base not in (Method, object)}
    source = "".join(map(inspect.getsource, modules))
    # What checks and stores the typed settings does not make them do something: a method reads ``self.settings``.
    reads = {
        name
        for pair in re.findall(r"""self\.settings(?:\.get\(|\[)(?:"(\w+)"|'(\w+)')""", source)
        for name in pair
    }
    assert set(METHODS[code].setting_fields) - reads == set()


@pytest.mark.django_db
def test_each_permission_of_a_connection_includes_the_lower_ones():
    pos = friendly_pos()
    parent = make_visitor(pos)
    link = linked(parent, pos)
    order = make_order({OfferFactory(pos=pos): 1}, paid=True)
    Ticket.objects.filter(order=order).update(beneficiary=link.child)

    def allowed(permission: str) -> tuple[bool, ...]:
        ContactLink.objects.filter(pk=link.pk).update(permission_parent=permission)
        as_it_is = ContactLink.objects.get(pk=link.pk)
        return (
            links.choosable(parent).exists(),
            bool(tickets.of_child(as_it_is)),
            bool(tickets.managed_by(parent, timezone.now())),
        )

    assert [allowed(permission) for permission in ContactLink.Permission.values] == [
        (False, False, False),
        (True, False, False),
        (True, True, False),
        (True, True, True),
    ]


def granted() -> set[str]:
    return set().union(*roles.ROLES.values())


@cache
def rights_asked_for() -> frozenset[str]:
    """Return the permissions that back-office pages check: those of their models and inlines, and those named in code."""
    models = {
        model._meta
        for page in admin.site._registry.values()
        for model in (page.model, *(inline.model for inline in page.inlines))
    }
    of_pages = {
        f"{meta.app_label}.{verb}_{meta.model_name}"
        for meta in models
        for verb in ("view", "add", "change", "delete")
    }
    named = set()
    for package in PACKAGES:
        for path in (ROOT / package).rglob("*.py"):
            if path.name != "roles.py" and "migrations" not in path.parts:
                named |= set(re.findall(r'"([a-z_]+\.[a-z_]+)"', path.read_text()))
    return frozenset(of_pages | named)


def test_each_permission_of_a_role_is_checked_by_code():
    assert "sales.change_order" in granted()
    assert granted() - rights_asked_for() == set()


def test_each_custom_permission_is_checked_and_in_a_role():
    own = {
        f"{model._meta.app_label}.{code}"
        for model in apps.get_models()
        for code, _name in model._meta.permissions
    }
    assert own
    assert own - rights_asked_for() == set()
    assert own - granted() == set()


@pytest.mark.django_db
def test_vat_number_is_on_the_imprint_and_the_order():
    pos = friendly_pos(organiser__vat_number="CHE-123.456.789 MWST")
    order = make_order({OfferFactory(pos=pos): 1}, paid=True)
    for address in (f"/{pos.slug}/about/imprint/", order_path(order)):
        assert "VAT number: CHE-123.456.789 MWST" in TestClientVisitor().open(address).text
