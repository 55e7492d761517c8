"""Suppressions of an e-mail address ("this is not me"): what an erasure does with them, and their expiry."""

from datetime import timedelta

import pytest
from django.utils import timezone

from contacts.linking import link_mail, links
from contacts.models import AddressSuppression, Contact
from privacy import retention
from privacy.copies import copying
from privacy.erasure import erasing
from privacy.models import Erasure
from privacy.plan import planning
from tests.factories.contacts import ContactFactory
from tests.factories.organisers import make_staff
from tests.friends import friendly_pos, linked, make_visitor
from tests.privacy.office import bin_page
from tests.staff import Staff, change

pytestmark = [pytest.mark.django_db, pytest.mark.scenario("S02", "S24")]
ADDRESS = "bob@refused.example"


@pytest.fixture
def pos():
    return friendly_pos(slug="theatre")


@pytest.fixture
def alice(pos):
    return make_visitor(pos, "Alice", "Martin", email="alice@example.org")


@pytest.fixture
def bob(alice, pos) -> Contact:
    """Known to the organiser already; says that he is not who Alice means."""
    made = ContactFactory(organiser=pos.organiser, first_name="Bob", last_name="Miller", email=ADDRESS)
    link = linked(alice, pos, ("Bob", "Miller", ADDRESS))
    assert link.child == made and links.not_me(link, by=None, now=timezone.now())
    return made


def kinds(rows) -> set[str]:
    return {one.model._meta.label for one in rows}


def test_suppression_stays_when_the_owner_of_the_address_is_erased(bob, pos):
    row = AddressSuppression.objects.get()
    plan = planning.plan(bob, now=timezone.now())
    (retained,) = [part for part in plan.retained if part.model is AddressSuppression]
    assert (retained.rows, retained.until) == (1, timezone.localdate(row.expires_at))
    assert "contacts.AddressSuppression" not in kinds(plan.erased)
    staff = Staff(make_staff(pos.organiser, "owner"))
    page = staff.open(bin_page(bob))
    assert "an address that does not want them" in page.text and "None of it says any more" not in page.text
    staff.fill("^seen$", {})
    done = Erasure.objects.get()
    assert done.state == "closed" and AddressSuppression.objects.filter(pk=row.pk).exists()
    assert "an address that does not want them" in staff.open(change(done)).text
    assert AddressSuppression.objects.get().address_hash == link_mail.address_hash(ADDRESS)


def test_suppression_is_erased_with_the_parent_and_listed_as_erased_only(alice, bob):
    plan = planning.plan(alice, now=timezone.now())
    assert "contacts.AddressSuppression" in kinds(plan.erased) and "contacts.AddressSuppression" not in kinds(
        plan.retained
    )
    erasing.erase(alice, by=None, now=timezone.now())
    assert not AddressSuppression.objects.exists()


def test_suppression_is_in_the_copy_of_the_owner_of_the_address(bob):
    (area,) = [chapter for chapter in copying.read([bob]) if chapter.area.code == "friends-and-family"]
    assert [record.model for record in area.records if record.model is AddressSuppression]
    assert "three years" in " ".join(area.until)


def test_suppression_expires_on_its_day(bob):
    row = AddressSuppression.objects.get()
    retention.run(row.expires_at - timedelta(days=2))
    assert AddressSuppression.objects.exists()
    retention.run(row.expires_at + timedelta(days=1))
    assert not AddressSuppression.objects.exists()
