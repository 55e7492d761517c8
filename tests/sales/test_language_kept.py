"""Another language on pages with a form: what is typed stays, nothing is saved, and the language is kept."""

from collections.abc import Callable

import pytest

from contacts.models import ContactLink
from registration_forms.answers import responses
from tests.factories.catalogue import OfferFactory
from tests.factories.registration_forms import ask, make_form, publish
from tests.factories.sales import make_order
from tests.friends import friendly_pos, make_visitor
from tests.visitor import TestClientVisitor
from ticketshop.sales.answers import missing_answers
from ticketshop.sales.mails import order_mails

pytestmark = pytest.mark.django_db
Opened = tuple[TestClientVisitor, dict[str, str], Callable[[], object]]


@pytest.fixture
def pos():
    return friendly_pos()


def answers(pos) -> Opened:
    """The page on which an order's answers are changed; what is typed there, and what is stored."""
    form = make_form("tariff", organiser=pos.organiser)
    ask(form, "Menu", visibility="mandatory")
    remark = ask(form, "Remark")
    publish(form)
    offer = OfferFactory(pos=pos)
    order = make_order({offer: 1})
    offer.tariff.form = form
    offer.tariff.save()
    missing_answers.add(order, now=order.placed_at)
    visitor = TestClientVisitor()
    page = visitor.open(f"{order_mails.order_path(order)}answers/")
    (name,) = (one for one in page.form("^ask-").names if one.endswith(remark.key))
    return visitor, {name: "by the window"}, lambda: responses.read(order.tickets.get().response)


def names(pos) -> Opened:
    order = make_order({OfferFactory(pos=pos): 1})
    visitor = TestClientVisitor()
    page = visitor.open(f"{order_mails.order_path(order)}names/")
    (first,) = (one for one in page.form("first_name$").names if one.endswith("first_name"))
    return visitor, {first: "Johanna"}, lambda: order.tickets.get().holder_first_name


def new_person(pos) -> Opened:
    visitor = TestClientVisitor()
    visitor.client.force_login(make_visitor(pos, email="alice@example.org").user)
    visitor.open(f"/{pos.slug}/account/friends-and-family/new/")
    return visitor, {"first_name": "Zoé", "email": "not yet"}, ContactLink.objects.count


@pytest.mark.parametrize("opened", [answers, names, new_person])
def test_another_language_keeps_what_is_typed_and_saves_nothing(opened, pos):
    visitor, typed, stored = opened(pos)
    before = stored()
    assert 'value="fr" form="typed"' in " ".join(visitor.page.source.split())
    having = f"^{next(iter(typed))}$"
    page = visitor.fill(having, typed, button=("language", "fr"))
    assert '<html lang="fr"' in page.source
    assert {name: page.form(having).values[name] for name in typed} == typed
    assert 'class="error' not in page.source
    assert stored() == before
    assert '<html lang="fr"' in visitor.open(f"/{pos.slug}/").source


@pytest.mark.parametrize("opened", [answers, names, new_person])
def test_a_language_that_the_shop_does_not_offer_saves_nothing(opened, pos):
    visitor, typed, stored = opened(pos)
    before = stored()
    page = visitor.fill(f"^{next(iter(typed))}$", typed, button=("language", "xx"))
    assert page.status == 200
    assert stored() == before
