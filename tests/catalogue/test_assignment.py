"""Database constraints on where a form may be asked."""

import pytest
from django.db import IntegrityError, transaction

from registration_forms.models import RegistrationForm
from tests.factories.catalogue import EventFactory, SeasonPassFactory, TariffFactory
from tests.factories.organisers import PointOfSaleFactory
from tests.factories.registration_forms import make_form
from ticketshop.catalogue.models import OrderForm, SeasonPass, Tariff

pytestmark = [pytest.mark.django_db, pytest.mark.scenario("RF-03")]


@pytest.fixture
def pos():
    return PointOfSaleFactory()


def forms(organiser) -> dict[str, RegistrationForm]:
    return {kind: make_form(kind, organiser=organiser) for kind in ("order", "tariff", "pass")}


def refused(write) -> bool:
    try:
        with transaction.atomic():
            write()
    except IntegrityError:
        return True
    return False


def test_tariff_pass_and_shop_accept_only_forms_of_their_kind_and_organiser(pos):
    event = EventFactory(pos=pos)
    tariff, season = TariffFactory(event=event), SeasonPassFactory(pos=pos)
    for ours, found in ((True, forms(pos.organiser)), (False, forms(PointOfSaleFactory().organiser))):
        for kind, form in found.items():
            writes = {
                "tariff": lambda form=form: Tariff.objects.filter(pk=tariff.pk).update(form=form),
                "pass": lambda form=form: SeasonPass.objects.filter(pk=season.pk).update(form=form),
                "extra": lambda form=form: SeasonPass.objects.filter(pk=season.pk).update(extra_form=form),
                "shop": lambda form=form: OrderForm.objects.create(form=form, point_of_sale=pos),
                "event": lambda form=form: OrderForm.objects.create(form=form, event=event),
                "insert": lambda form=form: TariffFactory(event=event, form=form),
            }
            fits = {"tariff": {"tariff", "extra", "insert"}, "pass": {"pass"}, "order": {"shop", "event"}}
            accepted = {name for name, write in writes.items() if not refused(write)}
            assert accepted == (fits[kind] if ours else set()), f"{kind}, {ours=}"


def test_used_form_keeps_its_kind_and_organiser(pos):
    form = make_form("tariff", organiser=pos.organiser)
    assert refused(lambda: RegistrationForm.objects.filter(pk=form.pk).update(kind="order"))
    other = PointOfSaleFactory().organiser
    assert refused(lambda: RegistrationForm.objects.filter(pk=form.pk).update(organiser=other))


def test_order_form_belongs_to_one_shop_or_event(pos):
    form, event = make_form("order", organiser=pos.organiser), EventFactory(pos=pos)
    assert refused(lambda: OrderForm.objects.create(form=form, point_of_sale=pos, event=event))
    assert refused(lambda: OrderForm.objects.create(form=form))
