"""The page that merges two contacts: search, comparison, merge."""

import re

import pytest
from django.utils import timezone
from django.utils.translation import override

from contacts import merging
from contacts.linking import link_merging, staff_links
from contacts.models import Contact, ContactLink
from tests.connections import MISSING, button_page, kind, part, said_at
from tests.factories.accounts import UserFactory
from tests.factories.catalogue import OfferFactory
from tests.factories.contacts import ContactFactory
from tests.factories.organisers import StaffMembershipFactory, make_staff
from tests.factories.sales import make_order
from tests.friends import linked, make_visitor
from tests.staff import Staff, change, without_tokens
from ticketshop.history import history, texts
from ticketshop.organisers.models import Organiser
from ticketshop.sales.models import Order, Ticket

pytestmark = [pytest.mark.django_db, pytest.mark.scenario("FF-36")]


@pytest.fixture
def alice(pos):
    """A contact with a log-in and one order."""
    alice = make_visitor(pos, email="alice@example.org")
    make_order(pos=pos, user=alice.user)
    return alice


@pytest.fixture
def double(pos):
    """Alice's second contact, as a guest: with an order, and a ticket that another person bought for her."""
    double = ContactFactory(
        organiser=pos.organiser,
        first_name="Alicia",
        last_name="Martin",
        email="a.m@example.org",
        phone="+41791234567",
    )
    offer = OfferFactory(pos=pos)
    make_order({offer: 1}, buyer=double, paid=True)
    order = make_order({offer: 1}, buyer=ContactFactory(organiser=pos.organiser), paid=True)
    order.tickets.update(beneficiary=double)
    return double


def page_of(contact: Contact, other: Contact | int | None = None) -> str:
    end = "" if other is None else f"?with={other if isinstance(other, int) else other.pk}"
    return f"{button_page(contact, 'merge')}{end}"


def merge(staff: Staff, contact: Contact, other: Contact, **values):
    staff.open(page_of(contact, other))
    return staff.fill("^keep$", values)


def cells(page, label: str) -> list[str]:
    """Return the two values of a line of the comparison."""
    line = re.search(rf'(?s)<th scope="row">{label}</th>(.*?)</tr>', page.source)
    return [re.sub(r"<[^>]*>|\s+", " ", cell).strip() for cell in re.findall(r"(?s)<td>(.*?)</td>", line[1])]


def link(
    parent: Contact, child: Contact, *, status="active", agreed=False, code="friends_family"
) -> ContactLink:
    made = staff_links.add(
        parent=parent, child=child, link_type=kind(code), by=None, now=timezone.now(),
        consent_reason="Form" if agreed else "",
    )  # fmt: skip
    ContactLink.objects.filter(pk=made.pk).update(status=status)
    return made


# --- the page -----------------------------------------------------------------------------------------
def test_staff_search_compare_and_merge(staff, pos, alice, double):
    ContactFactory(last_name="Martinson")  # another organiser's
    page = staff.open(staff.open(change(double)).link("Merge with"))
    found = staff.fill("^q$", {"q": "martin"})
    assert "this very contact" in found.text
    assert "Martinson" not in found.text
    page = staff.open(f"{page_of(double)}{found.link('Alice Martin')}")
    assert cells(page, "E-mail address") == ["a.m@example.org", "alice@example.org"]
    assert cells(page, "Logs in with") == ["–", "alice@example.org"]
    assert cells(page, r"Orders \(buyer\)") == ["1", "1"]
    assert cells(page, r"Tickets \(for\)") == ["1", "0"]
    assert cells(page, r"Connections \(child\)") == ["0", "0"]
    assert double.number in page.text
    assert alice.number in page.text
    assert page.form("^keep$").choices["keep"] == [str(alice.pk)], "the one with the log-in stays"
    assert Contact.objects.filter(pk=double.pk).exists(), "a look merges nothing"

    page = staff.submit(page.form("^keep$"))
    assert page.url == change(alice)
    assert "Merged: Alice Martin" in page.text
    assert not Contact.objects.filter(pk=double.pk).exists()
    alice.refresh_from_db()
    assert (alice.email, alice.phone) == ("alice@example.org", "+41791234567")


def test_orders_of_and_for_the_merged_contact_move(staff, alice, double):
    assert Order.objects.filter(buyer=double).count() == 1
    assert Ticket.objects.filter(beneficiary=double).count() == 1
    tickets = Ticket.objects.count()
    merge(staff, alice, double)
    assert Order.objects.filter(buyer=alice).count() == 2
    assert Ticket.objects.filter(beneficiary=alice).count() == 1
    assert Ticket.objects.count() == tickets


def test_of_two_contacts_without_log_in_the_chosen_one_stays(staff, double, pos):
    other = ContactFactory(organiser=pos.organiser)
    form = staff.open(page_of(double, other)).form("^keep$")
    assert form.choices["keep"] == [str(double.pk), str(other.pk)]
    staff.submit(form, {"keep": other.pk})
    assert Contact.objects.filter(pk__in=[double.pk, other.pk]).get() == other
    assert staff.page.url == change(other)


def test_contact_with_the_log_in_always_stays(staff, alice, double):
    page = merge(staff, alice, double, keep=double.pk)
    assert "The contact that has a log-in stays." in said_at(page, "keep")
    assert Contact.objects.filter(pk__in=[alice.pk, double.pk]).count() == 2


def test_two_log_ins_are_refused_with_a_message(staff, pos, alice, double):
    form = staff.open(page_of(alice, double)).form("^keep$")
    Contact.objects.filter(pk=double.pk).update(user=UserFactory())
    page = staff.open(page_of(alice, double))
    assert "Both contacts have a log-in of their own, so they can’t be merged" in page.text
    assert not [form for form in page.forms if "keep" in form.names]
    # Posted from a page that was opened before.
    page = staff.submit(form, {"keep": alice.pk})
    assert "Both contacts have a log-in of their own" in page.text
    assert Contact.objects.filter(pk__in=[alice.pk, double.pk]).count() == 2


def test_same_contact_twice_is_refused(staff, alice):
    page = staff.open(page_of(alice, alice))
    assert "This is the same contact twice." in page.text
    assert not [form for form in page.forms if "keep" in form.names]


def test_page_of_the_contact_that_stays_shows_the_history_of_both(staff, alice, double):
    staff.press(double, "block")
    merge(staff, alice, double)
    event = history.of(alice).first()
    assert (event.action, event.by, event.details) == ("merged", staff.user, {"other": double.pk})
    text = staff.open(change(alice)).text
    assert "Another contact was joined to this one" in text
    assert text.count("Blocked") >= 2, "what happened to the other one: the column, and the event"
    with override("fr"):
        in_french = str(texts.ACTIONS["merged"])
    assert in_french != "Another contact was joined to this one"
    assert in_french in Staff(staff.user, "fr").open(change(alice)).text


def test_failing_merge_changes_nothing(staff, alice, double, monkeypatch):
    def fail(keep, lose):
        raise RuntimeError("in the middle")

    form = staff.open(page_of(alice, double)).form("^keep$")
    monkeypatch.setattr(merging, "_write_outcome", fail)
    with pytest.raises(RuntimeError, match="in the middle"):
        staff.submit(form)
    assert Order.objects.filter(buyer=double).count() == 1
    assert Ticket.objects.filter(beneficiary=double).count() == 1
    assert "merged" not in history.of(alice).values_list("action", flat=True)
    monkeypatch.undo()
    staff.submit(form)
    assert Order.objects.filter(buyer=alice).count() == 2


def test_merge_is_refused_if_a_contact_changes_at_that_moment(staff, alice, double, monkeypatch):
    def changed(keep, lose, **how):
        raise merging.CannotMerge("one of the two is gone")

    form = staff.open(page_of(alice, double)).form("^keep$")
    monkeypatch.setattr(merging, "merge", changed)
    assert "changed in the meantime" in staff.submit(form).text


# --- what stays -----------------------------------------------------------------------------------------
def after(page, label: str) -> str:
    """Return the value after the merge, as the comparison shows it."""
    line = re.search(rf'(?s)<th scope="row">{label}</th>(.*?)</tr>', page.source)
    cell = re.search(r'(?s)<td class="afterwards">(.*?)</td>', line[1])[1]
    return " ".join(re.sub("<[^>]*>", " ", cell).split())


def test_page_shows_the_outcome_before_the_merge(staff, alice, double):
    Contact.objects.filter(pk=alice.pk).update(street="Rue A 1")
    Contact.objects.filter(pk=double.pk).update(street="Chemin B 2", postcode="1200", city="Genève")
    page = staff.open(page_of(alice, double))
    assert cells(page, "Postal address") == ["Rue A 1", "Chemin B 2, 1200 Genève"]
    assert after(page, "Postal address") == after(page, "Name") == "what you select here"
    assert after(page, "Phone") == "+41 79 123 45 67", "only one of the two has it"
    assert after(page, r"Orders \(buyer\)") == "2"
    assert after(page, "Logs in with") == "alice@example.org"
    form = page.form("^keep$")
    assert {form.values[group] for group in ("name", "email", "address")} == {str(alice.pk)}
    assert {"phone", "birth_date"}.isdisjoint(form.names), "nothing to choose"
    staff.submit(form, {"address": double.pk, "name": double.pk})
    alice.refresh_from_db()
    assert (alice.street, alice.postcode, alice.city) == ("Chemin B 2", "1200", "Genève")
    assert (alice.full_name, alice.email) == ("Alicia Martin", "alice@example.org")
    assert alice.email_verified_at is not None


def test_no_selection_mixes_two_postal_addresses(staff, alice, double):
    """With every selection, street and town come from the same contact."""
    Contact.objects.filter(pk=alice.pk).update(street="Rue A 1")
    Contact.objects.filter(pk=double.pk).update(postcode="1200", city="Genève")
    merge(staff, alice, double)
    alice.refresh_from_db()
    assert (alice.street, alice.postcode, alice.city) == ("Rue A 1", "", "")


def test_merge_is_refused_if_a_contact_changed_since_the_page_was_drawn(staff, alice, double):
    form = staff.open(page_of(alice, double)).form("^keep$")
    Contact.objects.filter(pk=double.pk).update(city="Basel")
    page = staff.submit(form)
    assert "One of the two was changed in the meantime." in page.text
    assert Contact.objects.filter(pk=double.pk).exists()
    page = staff.open(f"{page_of(alice)}{page.link('Look at the two again')}")
    assert after(page, "Postal address") == "Basel"
    staff.submit(page.form("^keep$"))
    alice.refresh_from_db()
    assert alice.city == "Basel"


@pytest.mark.parametrize("posted", ["", "0", "x", "999999999999999999999"])
def test_invalid_selection_takes_no_values(staff, alice, double, posted):
    merge(staff, alice, double, name=posted)
    assert Contact.objects.get(pk=alice.pk).full_name == "Alice Martin"


# --- links ----------------------------------------------------------------------------------------------
def test_links_of_the_merged_contact_point_to_the_one_that_stays(staff, pos, alice, double):
    child, parent = (ContactFactory(organiser=pos.organiser) for _ in range(2))
    down, up = link(double, child), link(parent, double, code="partner")
    merge(staff, alice, double)
    down.refresh_from_db()
    up.refresh_from_db()
    assert (down.parent, down.status, up.child, up.status) == (alice, "active", alice, "active")
    page = staff.open(change(alice))
    assert child.full_name in part(page, "children")
    assert parent.full_name in part(page, "parents")


def test_same_link_twice_becomes_one_and_keeps_its_history(staff, pos, alice, double):
    bob = linked(alice, pos).child
    kept = ContactLink.objects.get()
    other = link(double, bob)
    merge(staff, alice, double)
    assert ContactLink.objects.filter(parent=alice, child=bob, status="active").get() == kept
    other.refresh_from_db()
    assert (other.parent, other.status, other.end_reason, other.ended_by) == (
        alice,
        "ended",
        "merged",
        staff.user,
    )
    assert "twice after two contacts were joined" in part(staff.open(change(alice)), "ended")
    told = history.of(bob).filter(details__link=other.pk).values_list("action", flat=True)
    assert list(told) == ["link_merged", "link_added"]


def test_links_between_the_two_contacts_are_deleted(staff, pos, alice, double):
    link(alice, double)
    link(double, alice)
    bob = ContactFactory(organiser=pos.organiser)
    other = link(alice, bob)
    assert ContactLink.objects.count() == 3
    merge(staff, alice, double)
    assert ContactLink.objects.get() == other


@pytest.mark.parametrize(
    ("kept", "other", "agreed", "status"),
    [
        # The contact that stays has not answered yet: the answer of the other one does not count.
        ("pending", "active", True, "pending"),
        ("active", "pending", False, "active"),
        ("pending", "pending", False, "pending"),
    ],
)
def test_pending_link_becomes_active_only_with_the_consent_of_the_contact_that_stays(
    staff, pos, alice, double, kept, other, agreed, status
):
    parent = ContactFactory(organiser=pos.organiser)
    link(parent, alice, status=kept)
    link(parent, double, status=other, agreed=agreed)
    merge(staff, alice, double)
    left = ContactLink.objects.get(parent=parent, status__in=ContactLink.OPEN)
    assert (left.child, left.status) == (alice, status)


@pytest.mark.parametrize(("agreed", "status"), [(True, "active"), (False, "pending")])
def test_consent_of_a_child_to_one_of_the_two_counts_for_both(staff, pos, alice, double, agreed, status):
    child = ContactFactory(organiser=pos.organiser)
    link(alice, child, status="pending")
    link(double, child, status="active" if agreed else "pending", agreed=agreed)
    merge(staff, alice, double)
    left = ContactLink.objects.get(child=child, status__in=ContactLink.OPEN)
    assert (left.parent, left.status) == (alice, status)


def test_without_preparing_links_the_database_refuses_the_merge(staff, pos, alice, double, monkeypatch):
    """Counterpart: without this step of the merge a constraint is violated."""
    bob = linked(alice, pos).child
    link(double, bob)
    monkeypatch.setattr(link_merging, "prepare", lambda *args, **how: None)
    with pytest.raises(Exception, match="link_once"):
        merge(staff, alice, double)


# --- who may ----------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("role", "may"), [("owner", True), ("back office", True), ("box office", False), ("accounting", False)]
)
def test_roles_that_may_merge(pos, alice, double, role, may):
    staff = Staff(make_staff(pos.organiser, role))
    page = staff.open(change(alice))
    assert page.status == 200
    assert ("Merge with" in page.text) == may
    for address in (page_of(alice), page_of(alice, double)):
        assert staff.open(address).status == (200 if may else 403)
    token = staff.open("/admin/").form("csrf").values["csrfmiddlewaretoken"]
    answer = staff.send("POST", page_of(alice, double), {"csrfmiddlewaretoken": token, "keep": alice.pk})
    assert answer.status == (302 if may else 403)
    assert Contact.objects.filter(pk=double.pk).exists() != may


def test_permission_to_merge_counts_at_the_organiser_of_the_contact(alice, double):
    """The user is owner at one organiser and box office at the other."""
    membership = StaffMembershipFactory(role="owner")
    StaffMembershipFactory(user=membership.user, organiser=alice.organiser, role="box office")
    staff = Staff(membership.user)
    assert staff.open(change(alice)).status == 200
    assert staff.open(page_of(alice, double)).status == 403
    assert staff.open(page_of(ContactFactory(organiser=membership.organiser))).status == 200


def test_contact_of_another_organiser_is_answered_like_a_missing_one(staff, alice, double):
    foreign = ContactFactory(organiser__name="Elsewhere")
    assert Organiser.objects.filter(name="Elsewhere").exists()
    token = staff.open("/admin/").form("csrf").values["csrfmiddlewaretoken"]
    pairs = [
        (page_of(alice, foreign), page_of(alice, MISSING)),
        (page_of(foreign), page_of(foreign).replace(f"/{foreign.pk}/", f"/{MISSING}/")),
    ]
    for theirs, nobodys in pairs:
        for method in ("GET", "POST"):
            data = {"csrfmiddlewaretoken": token, "keep": str(alice.pk)}
            answers = [staff.send(method, address, data) for address in (theirs, nobodys)]
            assert [answer.status for answer in answers] == [404, 404], f"{method} {theirs}"
            same = {re.sub(r"with=\d+", "with=ID", without_tokens(answer.source)) for answer in answers}
            assert len(same) == 1, f"{method} {theirs}"
    assert Contact.objects.filter(pk=foreign.pk).exists()
    # A third contact can't be posted in place of one of the two.
    page = merge(staff, alice, double, keep=foreign.pk)
    assert said_at(page, "keep")
    assert Contact.objects.filter(pk__in=[alice.pk, double.pk, foreign.pk]).count() == 3
