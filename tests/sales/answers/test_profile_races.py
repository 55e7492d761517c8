"""An answer changed at the very moment at which its buyer's contact is changed or merged."""

import pytest
from django.utils import timezone

from contacts import contacts, merging
from contacts.models import Contact
from registration_forms.answers import responses
from registration_forms.models import Response
from tests.lock_waits import blocked_by
from tests.sales.answers.test_profile import ANSWERS, at_details, buy, make_shop, read_and_changed
from ticketshop.sales.answers import editing

pytestmark = pytest.mark.django_db(transaction=True)
BY_STAFF = "+41223102030"


@pytest.fixture
def shop():
    return make_shop()


def changed_while_staff_write(shop) -> Contact:
    """The buyer's contact: staff have written a phone number that is not committed while the buyer's answer is saved."""
    order = buy(at_details(shop), shop, ANSWERS)
    editable = read_and_changed(shop, order, phone="044 668 18 00")

    def write():
        contacts.change(
            Contact.objects.get(pk=order.buyer_id), {"phone": BY_STAFF}, by=None, now=timezone.now()
        )

    with blocked_by(write) as start:
        saved = start(lambda: editable.save(editable.answered_forms, by=None))
    assert saved.result()
    assert responses.read(Response.objects.get())[shop.fields["phone"].key] == "+41446681800"
    return Contact.objects.get(pk=order.buyer_id)


def test_what_staff_write_at_the_same_moment_stays(shop):
    assert changed_while_staff_write(shop).phone == BY_STAFF


def test_without_the_lock_it_is_overwritten(shop, monkeypatch):
    monkeypatch.setattr(editing.locking, "lock_all", lambda ids: Contact.objects.in_bulk(set(ids)))
    assert changed_while_staff_write(shop).phone == "+41446681800"


def test_an_answer_saved_while_the_buyer_is_merged_goes_to_the_contact_that_stays(shop):
    order = buy(at_details(shop), shop, ANSWERS)
    now = timezone.now()
    stays = contacts.create(
        organiser=shop.organiser, via="back_office", now=now, first_name="Ada", last_name="Lovelace"
    )
    editable = read_and_changed(shop, order, company="Opéra")
    goes = Contact.objects.get(pk=order.buyer_id)
    with blocked_by(lambda: merging.merge(stays, goes, by=None, now=now)) as start:
        saved = start(lambda: editable.save(editable.answered_forms, by=None))
    assert saved.result()
    stays.refresh_from_db()
    assert stays.company == "Opéra"
