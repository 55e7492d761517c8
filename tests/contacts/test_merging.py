"""Merging two contacts: all rows move, and no value of the contact that stays is overwritten."""

from datetime import date, timedelta

import pytest
from django.apps import apps
from django.utils import timezone

from contacts import contacts, merging
from contacts.models import AddressSuppression, Contact
from privacy.declarations import registry
from tests.factories.accounts import UserFactory
from tests.factories.catalogue import OfferFactory, SeasonPassFactory
from tests.factories.contacts import ContactFactory
from tests.factories.organisers import PointOfSaleFactory
from tests.factories.sales import make_order
from ticketshop.history import history
from ticketshop.lib.personal import SUBJECT_UUID
from ticketshop.mail.models import Mail

pytestmark = pytest.mark.django_db


def merge(keep, lose, by=None):
    merging.merge(keep, lose, by=by, now=timezone.now())


@pytest.fixture
def two():
    """Two contacts of one organiser; the second has an order with a ticket and a pass for themselves."""
    pos = PointOfSaleFactory()
    keep = ContactFactory(organiser=pos.organiser, first_name="Grace", last_name="", email="g@example.org")
    lose = ContactFactory(
        organiser=pos.organiser, first_name="G.", last_name="Hopper", email="grace@example.org"
    )
    order = make_order({OfferFactory(pos=pos): 1, SeasonPassFactory(pos=pos): 1}, buyer=lose, paid=True)
    order.tickets.update(beneficiary=lose)
    order.passes.update(beneficiary=lose)
    return keep, lose, order


def rows_of(contact: Contact) -> dict[str, int]:
    """Return the number of rows of each model that point to this contact, by key or by its ``subject_uuid``."""
    found = {}
    for relation in Contact._meta.related_objects:
        rows = relation.related_model._base_manager.filter(**{relation.field.name: contact.pk})
        found[f"{relation.related_model._meta.label}.{relation.field.name}"] = rows.count()
    for model in apps.get_models():
        for path, kind in registry.declaration(model).subject.items():
            if kind == SUBJECT_UUID:
                rows = model._base_manager.filter(**{path: contact.subject_uuid})
                found[f"{model._meta.label}.{path}"] = rows.count()
    return found


def test_merge_points_every_row_to_the_contact_that_stays(two):
    keep, lose, order = two
    before = rows_of(lose)
    assert {name for name, number in before.items() if number} >= {
        "sales.Order.buyer",
        "sales.Ticket.beneficiary",
        "sales.IssuedPass.beneficiary",
        "mail.Mail.subject_uuid",
    }
    merge(keep, lose)
    assert rows_of(keep) == before
    assert not any(rows_of(lose).values())
    order.refresh_from_db()
    assert order.buyer == keep
    assert not Contact.objects.filter(pk=lose.pk).exists()


def test_merge_fills_empty_columns_and_overwrites_none(two):
    keep, lose, _order = two
    Contact.objects.filter(pk=lose.pk).update(
        phone="+41791234567", birth_date=date(1906, 12, 9), language="fr"
    )
    merge(keep, lose)
    assert (keep.first_name, keep.email, keep.email_key, keep.language) == (
        "Grace",
        "g@example.org",
        "g@example.org",
        "en",
    )
    assert (keep.phone, keep.birth_date) == ("+41791234567", date(1906, 12, 9))
    assert list(Contact.objects.search("grace 079 123")) == [keep]


ADDRESSES = [
    ({"street": "Rue A 1"}, {"street": "Chemin B 2", "postcode": "1200", "city": "Genève", "country": "CH"}),
    ({"postcode": "8000"}, {"street": "Chemin B 2"}),
    ({"country": "FR"}, {"postcode": "1200", "city": "Genève"}),
    ({}, {"street": "Chemin B 2", "postcode": "1200"}),
    ({"city": "Basel"}, {}),
]
ADDRESS = ("street", "postcode", "city", "country")


@pytest.mark.parametrize(("mine", "theirs"), ADDRESSES)
@pytest.mark.parametrize("taken", [(), ("address",)])
def test_merge_takes_the_whole_postal_address_of_one_contact(two, mine, theirs, taken):
    keep, lose, _order = two
    Contact.objects.filter(pk=keep.pk).update(**mine)
    Contact.objects.filter(pk=lose.pk).update(**theirs)
    merging.merge(keep, lose, by=None, now=timezone.now(), taken=taken)
    expected = theirs if theirs and (taken or not mine) else mine
    assert {name: getattr(keep, name) for name in ADDRESS} == dict.fromkeys(ADDRESS, "") | expected


@pytest.mark.parametrize(
    ("mine", "theirs", "taken", "expected"),
    [
        (("Annaq", ""), ("Berndq", "Kellerq"), (), ("Annaq", "")),
        (("Annaq", ""), ("Berndq", "Kellerq"), ("name",), ("Berndq", "Kellerq")),
        (("", "Annaq"), ("Berndq", "Kellerq"), (), ("", "Annaq")),
        (("", ""), ("Berndq", "Kellerq"), (), ("Berndq", "Kellerq")),
        (("Annaq", "Kellerq"), ("", ""), ("name",), ("Annaq", "Kellerq")),
    ],
)
def test_merge_takes_the_whole_name_of_one_contact(two, mine, theirs, taken, expected):
    keep, lose, _order = two
    for contact, (first_name, last_name) in ((keep, mine), (lose, theirs)):
        Contact.objects.filter(pk=contact.pk).update(first_name=first_name, last_name=last_name)
    merging.merge(keep, lose, by=None, now=timezone.now(), taken=taken)
    assert (keep.first_name, keep.last_name) == expected


@pytest.mark.parametrize(
    ("mine", "theirs", "taken", "expected"),
    [
        # e-mail address and whether it is proved
        (("a@example.org", False), ("b@example.org", True), (), ("a@example.org", False)),
        (("a@example.org", True), ("b@example.org", False), ("email",), ("b@example.org", False)),
        (("", False), ("b@example.org", True), (), ("b@example.org", True)),
        (("", False), ("b@example.org", False), (), ("b@example.org", False)),
        (("a@example.org", False), ("a@example.org", True), (), ("a@example.org", True)),
        (("a@example.org", True), ("a@example.org", False), ("email",), ("a@example.org", True)),
    ],
)
def test_merge_takes_an_e_mail_address_with_its_proof(two, mine, theirs, taken, expected):
    keep, lose, _order = two
    now = timezone.now()
    for contact, (email, proved) in ((keep, mine), (lose, theirs)):
        Contact.objects.filter(pk=contact.pk).update(
            email=email or None, email_key=email, email_verified_at=now if proved else None
        )
    merging.merge(keep, lose, by=None, now=now, taken=taken)
    assert (keep.email, keep.email_verified_at is not None) == expected
    assert keep.email_key == expected[0]


def test_merge_is_refused_if_a_contact_changed_since_it_was_shown(two):
    keep, lose, _order = two
    shown = merging.fingerprint(keep, lose)
    assert shown == merging.fingerprint(lose, keep)
    contacts.change(lose, {"city": "Basel"}, by=None, now=timezone.now())
    with pytest.raises(merging.CannotMerge, match="changed"):
        merging.merge(keep, lose, by=None, now=timezone.now(), shown=shown)
    lose.refresh_from_db()
    merging.merge(keep, lose, by=None, now=timezone.now(), shown=merging.fingerprint(keep, lose))
    assert keep.city == "Basel"


def test_merge_uses_the_values_in_the_database(two):
    keep, lose, _order = two
    stale = Contact.objects.get(pk=keep.pk)
    Contact.objects.filter(pk=keep.pk).update(last_name="Murray")
    merge(stale, lose)
    assert Contact.objects.get(pk=keep.pk).last_name == stale.last_name == "Murray"


def test_merge_is_in_the_history_without_names(two):
    keep, lose, _order = two
    user = UserFactory()
    merge(keep, lose, by=user)
    event = history.of(keep).first()
    assert (event.action, event.by, event.details) == ("merged", user, {"other": lose.pk})


def test_merge_is_refused_for_contacts_that_can_not_be_one(two):
    keep, lose, _order = two
    stranger = ContactFactory()
    for one, other in [(keep, keep), (keep, stranger)]:
        with pytest.raises(merging.CannotMerge, match="different contacts of one organiser"):
            merge(one, other)
    # The contact may have got a log-in after the page was drawn.
    Contact.objects.filter(pk=lose.pk).update(user=UserFactory())
    with pytest.raises(merging.CannotMerge, match="log-in"):
        merge(keep, lose)
    Contact.objects.filter(pk=lose.pk).update(user=None)
    merge(keep, lose)
    with pytest.raises(merging.CannotMerge, match="gone"):
        merge(keep, lose)
    assert Contact.objects.filter(pk=keep.pk).exists()
    assert Mail.objects.filter(subject_uuid=keep.subject_uuid).exists()


def test_suppression_of_mails_survives_the_merge(two):
    """Rows with a key that has no reverse name move too."""
    keep, lose, _order = two
    now = timezone.now()
    refusal = AddressSuppression.objects.create(
        organiser=lose.organiser,
        parent=lose,
        address_hash=b"x" * 32,
        reason="not_me",
        created_at=now,
        expires_at=now + timedelta(days=1),
    )
    merge(keep, lose)
    refusal.refresh_from_db()
    assert refusal.parent == keep


def test_block_survives_the_merge(two):
    keep, lose, _order = two
    contacts.block(lose, by=None, now=timezone.now())
    merge(keep, lose)
    assert keep.blocked_at is not None


@pytest.mark.parametrize("known", [True, False])
def test_purge_date_survives_the_merge_only_if_both_contacts_have_one(two, known):
    keep, lose, _order = two
    day = timezone.localdate()
    Contact.objects.filter(pk__in=[keep.pk] if known else [keep.pk, lose.pk]).update(purge_after=day)
    merge(keep, Contact.objects.get(pk=lose.pk))
    assert keep.purge_after == (None if known else day)


def test_history_of_merged_contacts_is_read_on_the_contact_that_stays(two):
    keep, lose, _order = two
    first = ContactFactory(organiser=keep.organiser)
    others = ContactFactory(organiser=keep.organiser)
    contacts.block(first, by=None, now=timezone.now())
    merge(lose, first)
    merge(keep, lose)
    found = list(merging.events_of(keep).values_list("action", flat=True))
    assert found.count("merged") == 2
    assert found.count("blocked") == 1
    assert found.count("created") == 3
    assert [event.action for event in merging.events_of(others)] == ["created"]
