"""Every back-office page with a form is saved unchanged, in every role: it is accepted, and nothing changes.

The pages come from the registry of the admin site and the rows from one organiser with at least two rows in each inline, so a
new page or inline is tested without a change here.
"""

from collections import Counter
from datetime import timedelta

import pytest
from django.contrib import admin
from django.db import models, transaction
from django.utils import timezone

from accounts.models import User
from contacts.models import Contact
from registration_forms.field_types import TYPES
from registration_forms.models import Field
from tests.factories.accounts import SuperuserFactory
from tests.factories.catalogue import (
    EventFactory,
    OfferFactory,
    SeasonPassFactory,
    SessionFactory,
    TariffFactory,
)
from tests.factories.contacts import ContactFactory
from tests.factories.organisers import StaffMembershipFactory, make_staff
from tests.factories.registration_forms import ask, make_form, only_if, publish
from tests.project.world import House, make_house
from tests.staff import Staff, change
from ticketshop.catalogue.models import OrderForm, SeasonPass, Tariff
from ticketshop.history.models import Event as HistoryRecord
from ticketshop.organisers import permissions
from ticketshop.roles import ROLES
from ticketshop.sales.models import IssuedPass, Order, Ticket

pytestmark = pytest.mark.django_db
STAFF = [*ROLES, "administrator"]
# So many rows of a model are looked at. Of those the owner saves each that differs in kind from newer ones, or the administrator
# if the owner may not change the model; other roles save one.
MOST_ROWS = 30


@pytest.fixture(scope="module")
def made_house(django_db_setup, django_db_blocker):
    """Create the organiser and its staff by role, in a transaction that ends with the file."""
    with django_db_blocker.unblock(), transaction.atomic():
        house = make_house("Ayeside")
        fill(house)
        staff = {role: make_staff(house.organiser, role) for role in ROLES}
        staff["administrator"] = SuperuserFactory()
        StaffMembershipFactory(user=house.owner)  # staff elsewhere too
        yield house, staff
        transaction.set_rollback(True)


@pytest.fixture
def house(made_house, db) -> House:
    return made_house[0]


@pytest.fixture
def staff_by_role(made_house, db) -> dict[str, User]:
    return made_house[1]


def fill(house: House) -> None:
    """Create rows of every kind that the pages can create: two in each inline, and each choice once."""
    now, pos = timezone.now(), house.pos
    pos.terms, pos.imprint = "# Terms\n\nFirst.\n\n* one\n* two", "Us"
    pos.save()
    OrderForm.objects.create(form=make_form("order", organiser=house.organiser), point_of_sale=pos)
    OrderForm.objects.create(form=make_form("order", organiser=house.organiser), event=house.event)
    house.event.description = "Words,\n\nwords, *words*."
    house.event.save()
    adult = house.offer.tariff
    odd = now.replace(second=7, microsecond=123456)
    child = TariffFactory(
        event=house.event, name="Child", only_with=adult, age_from=0, age_until=12, max_per_person=3,
        sales_start_at=odd, sales_end_at=odd + timedelta(days=9), price=0,
    )  # fmt: skip
    TariffFactory(event=house.event, name="Old", active=False, tickets_per_unit=4)
    OfferFactory(session=house.offer.session, tariff=child, allotment=house.offer.allotment)
    second = SessionFactory(event=house.event, starts_at=odd + timedelta(days=40), doors_at=odd)
    OfferFactory(session=second, tariff=adult)
    OfferFactory(session=second, tariff=child)
    SessionFactory(event=house.event)  # not on sale yet
    SessionFactory(event=house.event, state="cancelled")
    EventFactory(pos=pos, state="draft")
    chosen = SeasonPassFactory(pos=pos, opens=SeasonPass.Opens.CHOSEN_SESSIONS, max_per_person=1)
    chosen.sessions.set([second, house.offer.session])
    SeasonPassFactory(pos=pos, opens=SeasonPass.Opens.CHOSEN_EVENTS, entries=5, active=False).events.add(
        house.event
    )
    fill_forms(house)
    fill_contacts(house)


def fill_forms(house: House) -> None:
    form = make_form("tariff", organiser=house.organiser, name="Everything")
    first = ask(form, "Coming by car?", "yes_no")
    for code, kind in TYPES.items():
        choices = ["one", ("two", 10)] if kind.has_choices else ()
        ask(form, f"A {code}", code, choices=choices, help_text="Two\nlines", retention_days=30,
            condition=only_if(first, "yes"))  # fmt: skip
    ask(form, "An archived one", archived_at=timezone.now())
    rules = {"min": 1.5, "max": 3, "decimals": 2}
    ask(form, "A number within bounds", "number", rules=rules, sensitive=True, purpose="For", retention_days=9,
        copyable=False)  # fmt: skip
    ask(form, "A day within bounds", "date", rules={"from": "2030-01-01", "until": "2030-12-31"})
    publish(form)
    Tariff.objects.filter(name="Child", event=house.event).update(form=form)
    make_form("pass", organiser=house.organiser, name="Not published")


def fill_contacts(house: House) -> None:
    given = {"organiser": house.organiser}
    ContactFactory(**given, first_name="", last_name="", email="nameless@example.org")
    ContactFactory(**given, first_name="Sukarno", last_name="")
    ContactFactory(**given, kind=Contact.Kind.STRUCTURE, first_name="", last_name="A school", email="")
    ContactFactory(
        **given, phone="+41446681800", street="Rue A 1", postcode="1200", city="Genève", country="CH",
        birth_date=timezone.localdate().replace(year=1980), language="fr",
    )  # fmt: skip
    ContactFactory(
        **given, phone="+4935148823456", country="", language="", email="anna@xn--bcher-kva.example"
    )


def test_rows_of_the_fixture_fill_each_inline_twice(house, rf, staff_by_role):
    """The tests below need rows to save."""
    few = []
    request = rf.get("/")
    request.user = staff_by_role["administrator"]
    for model, page in pages():
        most: Counter = Counter()
        for row in rows(model, house):
            for inline in page.get_inline_instances(request, row):
                fk_name = inline.get_formset(request, row).fk.name
                count = inline.get_queryset(request).filter(**{fk_name: row.pk}).count()
                most[inline.__class__] = max(most[inline.__class__], count)
        few += [
            f"{model.__name__}: {inline.__name__} has {count}"
            for inline, count in most.items()
            if count < min(2, inline.max_num or 2)
        ]
    assert few == [], "\n".join(few)


@pytest.mark.parametrize("role", STAFF)
def test_saving_a_page_unchanged_changes_nothing(role, house, staff_by_role):
    staff, wrong, saved = Staff(staff_by_role[role]), [], set()
    changeable = changeable_by(staff.user)
    by_the_owner = changeable_by(staff_by_role["owner"])
    for model in changeable:
        saves_most = role == "owner" or (role == "administrator" and model not in by_the_owner)
        newest = rows(model, house)[:MOST_ROWS]
        for row in of_each_kind(newest) if saves_most else newest[:1]:
            staff.open(change(row, model))
            if any("_save" in form.names for form in staff.page.forms):
                wrong += save_as_it_stands(staff, row, model)
                saved.add(model)
    assert wrong == [], "\n".join(wrong)
    assert saved == changeable


def changeable_by(user: User) -> set[type[models.Model]]:
    return {model for model, page in pages() if page.has_change_permission(_Request(user))}


@pytest.mark.parametrize("role", ["owner", "box office"])
def test_saving_answers_unchanged_changes_nothing(role, house, staff_by_role):
    """The owner saves those of each row, the box office those of one row of each model."""
    staff, saved = Staff(staff_by_role[role]), 0
    for model in (Order, Ticket, IssuedPass):
        for row in rows(model, house)[: None if role == "owner" else 1]:
            page = staff.open(f"{change(row, model).removesuffix('change/')}answers/")
            before = everything_of(row)
            form = next(form for form in page.forms if form.method == "post" and form.action == "")
            assert "Nothing has changed." in staff.submit(form).text, row
            assert everything_of(row) == before
            saved += 1
    assert saved


def pages():
    """Return every back-office page that shows rows."""
    return list(admin.site._registry.items())


def rows(model, house: House) -> list[models.Model]:
    """Return the rows of the organiser, newest first; of a platform model, all rows."""
    queryset = model._default_manager.order_by("-pk")
    if hasattr(model, "organiser_path"):
        return list(permissions.within(queryset, {house.organiser.pk}))
    return list(queryset)


def of_each_kind(newest: list[models.Model]) -> list[models.Model]:
    """Return the rows that are needed for each choice, each empty and filled column, and no, one and several related rows."""
    kinds: dict[int, set] = {row.pk: set() for row in newest}
    for row in newest:
        for column in row._meta.concrete_fields:
            value = getattr(row, column.attname)
            if isinstance(row, Field) and column.name == "type":
                kind = TYPES[value]  # questions of several types have the same settings
                value = tuple(kind.rule_names), kind.has_choices, kind.answers
            elif value is not None and not column.choices:
                value = bool(value)
            kinds[row.pk].add((column.name, value))
    for relation in newest[0]._meta.related_objects if newest else ():
        name = relation.field.attname
        others = relation.related_model._base_manager.filter(**{f"{relation.field.name}__in": newest})
        counts = Counter(others.values_list(name, flat=True)) if not relation.many_to_many else {}
        for pk, found in kinds.items():
            found.add((relation.name, min(counts.get(pk, 0), 2)))
    needed, seen = [], set()
    for row in newest:
        if not kinds[row.pk] <= seen:
            needed.append(row)
            seen |= kinds[row.pk]
    return needed


class _Request:
    """The part of a request that permission checks read."""

    def __init__(self, user):
        self.user = user


def save_as_it_stands(staff: Staff, row, model) -> list[str]:
    """Return what went wrong: the form was refused, or a row changed."""
    before = everything_of(row)
    form = staff.page.form("^_save$")
    form.values = {name: as_sent(value) for name, value in form.values.items()}
    staff.page = staff.send("POST", change(row, model), form.values | {"_save": "Save"})
    where = f"{model.__name__} {row.pk}"
    if staff.page.status != 302:
        return [f"{where}: {staff.page.status} {staff.errors} {staff.page.messages}"]
    return [f"{where}: {old} is now {new}" for old, new in differences(before, everything_of(row))]


def as_sent(value):
    """Return the text with the line ends that a browser sends."""
    return value.replace("\n", "\r\n") if isinstance(value, str) else value


def everything_of(row: models.Model) -> dict:
    """Return the row, its related rows, and the length of the history."""
    found = {(row._meta.label, row.pk): values_of(row)}
    for relation in row._meta.related_objects:
        if relation.one_to_many or relation.one_to_one:
            model = relation.related_model
            for values in every_column(model._base_manager.filter(**{relation.field.name: row.pk})):
                found[model._meta.label, values[model._meta.pk.attname]] = values
    for field in row._meta.many_to_many:
        found[field.name] = sorted(getattr(row, field.name).values_list("pk", flat=True))
    found["history"] = HistoryRecord.objects.count()
    return found


def values_of(row: models.Model) -> dict:
    return every_column(type(row)._base_manager.filter(pk=row.pk)).get()


def every_column(queryset: models.QuerySet) -> models.QuerySet:
    """Return the values of all columns. Without their names those of texts in other languages would be missing."""
    return queryset.values(*(column.attname for column in queryset.model._meta.concrete_fields))


def differences(before: dict, after: dict) -> list[tuple]:
    return [
        ((key, before.get(key)), after.get(key))
        for key in {**before, **after}
        if before.get(key) != after.get(key)
    ]
