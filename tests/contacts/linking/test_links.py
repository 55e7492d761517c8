"""Changing links: end, undo, accept, resend; what the other side sees; what the database refuses."""

import dataclasses
from datetime import timedelta

import pytest
from django.db import IntegrityError, connection, models, transaction
from django.utils import timezone

from contacts import contacts
from contacts.linking import adding, link_mail, links, staff_links
from contacts.models import Contact, ContactLink, LinkRequest, LinkType
from tests.factories.contacts import ContactFactory
from tests.friends import BOB, add, friendly_pos, linked, make_visitor
from ticketshop.history import history
from ticketshop.mail.models import Mail

pytestmark = pytest.mark.django_db
MINUTE = timedelta(minutes=1)


@pytest.fixture
def pos():
    return friendly_pos()


@pytest.fixture
def alice(pos):
    return make_visitor(pos)


@pytest.fixture
def link(pos, alice):
    return linked(alice, pos)


def asked(alice, pos) -> adding.Requester:
    return adding.Requester(by=alice.user, pos=pos, network="192.0.2.1", language="en")


def token_of(link: ContactLink) -> str:
    """Return the token of a mail that leaves now."""
    request = LinkRequest.objects.select_related("link__child").get(link=link)
    return link_mail.new_token(request, days=30, now=timezone.now())


def actions(contact: Contact) -> list[str]:
    return [event.action for event in history.of(contact)]


# --- the list -------------------------------------------------------------------------------------------------


@pytest.mark.scenario("FF-05")
def test_links_of_a_parent_are_sorted_by_name(pos, alice):
    typed = ["Zürn", "ähn", "Łaski", "Lasko", "De Boer", "Éluard", "eck"]
    for number, last_name in enumerate(typed):
        linked(alice, pos, ("Jo", last_name, f"p{number}@example.org"))
    linked(alice, pos, ("Al", "Eck", "al@example.org"))
    listed = [link.entered_name for link in links.of_parent(alice)]
    assert listed == [
        "Jo ähn", "Jo De Boer", "Al Eck", "Jo eck", "Jo Éluard", "Jo Łaski", "Jo Lasko", "Jo Zürn",
    ]  # fmt: skip


# --- removing, and undoing it -------------------------------------------------------------------------------


@pytest.mark.scenario("FF-07")
def test_removal_ends_the_link_and_changes_neither_contact(link, alice):
    before = Contact.objects.filter(pk=link.child_id).values().get()
    assert links.remove(link, by=alice.user, now=timezone.now())
    assert (link.status, link.end_reason, link.ended_by) == ("ended", "removed", alice.user)
    assert Contact.objects.filter(pk=link.child_id).values().get() == before
    assert not links.of_parent(alice).exists()
    assert actions(alice)[0] == actions(link.child)[0] == "link_removed"
    events = history.of(alice).count()
    assert not links.remove(link, by=alice.user, now=timezone.now() + MINUTE), "again: nothing"
    link.refresh_from_db()
    assert link.ended_at < timezone.now()
    assert history.of(alice).count() == events


@pytest.mark.scenario("FF-07")
@pytest.mark.parametrize("consent", [False, True])
def test_removal_can_be_undone_within_ten_minutes(pos, alice, consent):
    pos.organiser.link_consent_required = consent
    link = linked(alice, pos)
    status, token, now = link.status, token_of(link), timezone.now()
    links.remove(link, by=alice.user, now=now)
    assert links.request_of(token, now) is None
    assert not links.undo_remove(link, most=20, by=alice.user, now=now + 11 * MINUTE)
    assert links.undo_remove(link, most=20, by=alice.user, now=now + 9 * MINUTE)
    link.refresh_from_db()
    assert (link.status, link.ended_at, link.ended_by, link.end_reason) == (status, None, None, "")
    assert links.request_of(token, now).link == link, "the mail they have is good again"
    assert not links.undo_remove(link, most=20, by=alice.user, now=now + 9 * MINUTE)
    assert actions(link.child)[0] == "link_restored"


@pytest.mark.scenario("FF-07")
def test_undo_restores_only_removals_and_only_if_the_list_has_room(pos, alice, link):
    now = timezone.now()
    links.remove(link, by=alice.user, now=now)
    again = linked(alice, pos)
    assert not links.undo_remove(link, most=20, by=alice.user, now=now), "added again meanwhile"
    links.remove(again, by=alice.user, now=now)
    linked(alice, pos, ("Carol", "Ray", "carol@example.org"))
    assert not links.undo_remove(again, most=1, by=alice.user, now=now)
    assert links.undo_remove(again, most=2, by=alice.user, now=now)
    links.decline(again, by=None, now=now)
    assert not links.undo_remove(again, most=20, by=alice.user, now=now)


# --- the person's own answer -----------------------------------------------------------------------------------


@pytest.mark.scenario("FF-31")
@pytest.mark.parametrize("agreed_before", [False, True])
def test_declining_or_leaving_ends_access_at_once_without_a_mail(pos, alice, agreed_before):
    link = linked(alice, pos)
    if agreed_before:
        links.accept(link, permission="view", by=None, now=timezone.now())
    mails = Mail.objects.count()
    assert links.decline(link, by=None, now=timezone.now())
    assert (link.status, link.end_reason) == ("declined", "declined")
    assert Mail.objects.count() == mails
    assert not links.of_parent(alice).exists()
    assert not links.seen_by_parent(link).tickets
    assert actions(alice)[0] == actions(link.child)[0] == "link_declined"
    assert not links.accept(link, by=None, now=timezone.now())


def test_accepting_notes_the_time_and_may_set_a_permission(pos, alice):
    pos.organiser.link_consent_required = True
    link = linked(alice, pos)
    assert links.accept(link, permission="manage", by=None, now=timezone.now())
    assert (link.status, link.permission_parent, link.consent_by) == ("active", "manage", "child")
    assert link.consent_at is not None
    assert actions(link.child)[0] == "link_accepted"


def test_permission_counts_only_while_the_link_is_active(link, alice):
    links.change_permission(link, "view", by=None, now=timezone.now())
    link.refresh_from_db()
    assert link.permission_parent == "view"
    events = history.of(alice).count()
    links.change_permission(link, "view", by=None, now=timezone.now())
    assert history.of(alice).count() == events, "nothing has changed"
    links.remove(link, by=alice.user, now=timezone.now())
    links.change_permission(link, "manage", by=None, now=timezone.now())
    link.refresh_from_db()
    assert link.permission_parent == "view"


@pytest.mark.scenario("FF-30")
def test_parent_sees_only_what_they_typed_until_the_child_allows_more(pos, alice):
    pos.organiser.link_consent_required = True
    contacts.create(
        organiser=pos.organiser, via="back_office", now=timezone.now(),
        first_name="Robert Lee", last_name="MILLER", email="Robert@example.org", phone="+41791234567",
    )  # fmt: skip
    link = linked(alice, pos, ("Robert", "Miller", "robert@Example.org"))
    seen = links.seen_by_parent(link)
    assert (seen.name, seen.email, seen.status) == ("Robert Miller", "robert@example.org", "pending")
    assert (seen.tickets, seen.manages, seen.birth_date) == (False, False, None)
    links.change_permission(link, "view", by=None, now=timezone.now())
    link.refresh_from_db()
    assert not links.seen_by_parent(link).tickets, "not before they agree"
    links.accept(link, by=None, now=timezone.now())
    assert dataclasses.asdict(links.seen_by_parent(link)) == {
        "name": "Robert Miller", "email": "robert@example.org", "status": "active", "since": link.started_at,
        "tickets": True, "manages": False, "birth_date": None,
    }  # fmt: skip


def test_visible_details_contain_values_and_no_model_rows(link):
    """A template can't reach a column that is not listed."""
    values = dataclasses.asdict(links.seen_by_parent(link)).values()
    assert "bob@example.org" in values
    assert not [value for value in values if isinstance(value, models.Model)]


# --- tokens -----------------------------------------------------------------------------------------------------


@pytest.mark.scenario("FF-29")
def test_only_the_hash_of_a_token_is_stored(link):
    token = token_of(link)
    with connection.cursor() as cursor:
        for table in connection.introspection.table_names():
            cursor.execute(
                f"SELECT count(*) FROM {connection.ops.quote_name(table)} AS row WHERE strpos(row::text, %s) > 0",
                [token],
            )
            assert cursor.fetchone() == (0,), table
    assert len(LinkRequest.objects.get(link=link).token_hash) == 64


@pytest.mark.scenario("FF-29")
def test_token_opens_its_link_until_it_is_used_or_expired(pos, alice, link):
    other = linked(alice, pos, ("Carol", "Ray", "carol@example.org"))
    token, now = token_of(link), timezone.now()
    assert links.request_of(token, now).link == link
    assert links.request_of(token_of(other), now).link == other
    assert links.request_of(token, now + timedelta(days=29)).link == link
    for wrong, then in [
        (token[:-1] + ("a" if token[-1] != "a" else "b"), now),
        (token + "a", now),
        ("", now),
        (token.upper(), now),
        (token, now + timedelta(days=30)),
    ]:
        assert links.request_of(wrong, then) is None
    assert links.accept_by_mail(links.request_of(token, now), now=now)
    assert links.request_of(token, now) is None


@pytest.mark.scenario("FF-29")
def test_token_can_be_used_once(link):
    request, same = (links.request_of(token, timezone.now()) for token in [token_of(link)] * 2)
    assert links.accept_by_mail(request, now=timezone.now())
    assert not links.accept_by_mail(same, now=timezone.now())


@pytest.mark.scenario("FF-29")
@pytest.mark.parametrize("how", ["decline", "not_me"])
def test_declining_uses_the_token_up(link, how):
    token = token_of(link)
    assert links.request_of(token, timezone.now()).link == link
    getattr(links, how)(link, by=None, now=timezone.now())
    ContactLink.objects.filter(pk=link.pk).update(status="active", ended_at=None)
    assert links.request_of(token, timezone.now()) is None


@pytest.mark.scenario("FF-29")
def test_token_of_an_earlier_mail_stops_working(link):
    older, newer = token_of(link), token_of(link)
    assert links.request_of(older, timezone.now()) is None
    assert links.request_of(newer, timezone.now()).link == link


@pytest.mark.scenario("FF-29")
def test_token_works_only_for_the_address_it_was_sent_to(link):
    """The owner of a contact's former address has proved nothing about the new one."""
    token = token_of(link)
    contacts.change(link.child, {"email": "victim@example.org"}, by=None, now=timezone.now())
    assert links.request_of(token, timezone.now()) is None
    contacts.change(link.child, {"email": "BOB@example.org"}, by=None, now=timezone.now())
    assert links.request_of(token, timezone.now()).link == link


# --- resending ----------------------------------------------------------------------------------------------


@pytest.mark.scenario("FF-28")
def test_request_is_resent_after_two_days(pos, alice, link):
    assert links.resend(link, asked(alice, pos), now=timezone.now() + timedelta(days=2))
    assert Mail.objects.count() == 2


@pytest.mark.scenario("FF-28")
def test_request_is_not_resent_after_an_answer(pos, alice, link):
    links.accept(link, by=None, now=timezone.now())
    assert not links.resend(link, asked(alice, pos), now=timezone.now() + timedelta(days=2))
    assert Mail.objects.count() == 1


@pytest.mark.scenario("FF-38")
def test_request_of_a_blocked_parent_is_not_resent(pos, alice, link):
    Contact.objects.filter(pk=alice.pk).update(blocked_at=timezone.now())
    link = ContactLink.objects.select_related("parent", "child").get(pk=link.pk)
    assert not links.resend(link, asked(alice, pos), now=timezone.now() + timedelta(days=2))


def test_child_without_an_address_gets_no_mail(pos, alice):
    link = linked(alice, pos, adding.Person("Tim", "Martin", no_email=True))
    later = timezone.now() + timedelta(days=2)
    assert not links.resend(link, asked(alice, pos), now=later)
    assert not Mail.objects.exists()
    Contact.objects.filter(pk=link.child_id).update(email="tim@example.org", email_key="tim@example.org")
    assert links.resend(link, asked(alice, pos), now=later)


# --- staff -------------------------------------------------------------------------------------------------------


def staff_add(parent, child, code="partner", **values) -> ContactLink:
    return staff_links.add(
        parent=parent,
        child=child,
        link_type=LinkType.objects.get(code=code),
        by=None,
        now=timezone.now(),
        **values,
    )


@pytest.mark.scenario("FF-35")
def test_staff_link_has_the_chosen_direction(pos, alice):
    bob = ContactFactory(organiser=pos.organiser, first_name="Bob", last_name="Miller")
    link = staff_add(alice, bob, "parent_child")
    assert (link.parent, link.child, link.origin, link.status) == (alice, bob, "back_office", "active")
    assert list(links.of_parent(alice)) == [link]
    assert list(links.of_child(bob)) == [link]
    assert actions(alice)[0] == actions(bob)[0] == "link_added"
    assert not Mail.objects.exists()


@pytest.mark.scenario("FF-35")
def test_staff_link_that_is_refused_has_a_reason_code(pos, alice):
    bob, company = (
        ContactFactory(organiser=pos.organiser),
        ContactFactory(organiser=pos.organiser, kind="structure"),
    )
    staff_add(alice, bob)
    for child, reason in [
        (alice, "self"),
        (bob, "duplicate"),
        (company, "kind"),
        (ContactFactory(), "organiser"),
    ]:
        with pytest.raises(staff_links.CannotLink) as refused:
            staff_add(alice, child)
        assert refused.value.code == reason
    assert ContactLink.objects.count() == 1
    staff_add(bob, alice)
    staff_add(alice, bob, "parent_child")


@pytest.mark.scenario("FF-35")
def test_consent_is_recorded_only_with_a_reason(pos, alice):
    pos.organiser.link_consent_required = True
    pos.organiser.save()
    alice.refresh_from_db()
    link = staff_add(alice, ContactFactory(organiser=pos.organiser))
    assert link.status == "pending"
    with pytest.raises(staff_links.CannotLink):
        staff_links.record_consent(link, reason="  ", by=None, now=timezone.now())
    assert staff_links.record_consent(link, reason="on the phone", by=alice.user, now=timezone.now())
    link.refresh_from_db()
    assert (link.status, link.consent_by, link.consent_reason) == ("active", "operator", "on the phone")
    assert "phone" not in str(history.of(alice).first().details), "words of staff stay on the link"
    sure = staff_add(alice, ContactFactory(organiser=pos.organiser), consent_reason="signed form")
    assert (sure.status, sure.consent_by) == ("active", "operator")


# --- what the database refuses ------------------------------------------------------------


def row(parent, child, **values) -> ContactLink:
    return ContactLink(
        organiser_id=values.pop("organiser_id", parent.organiser_id), parent=parent, child=child,
        type=LinkType.objects.get(code="friends_family"), status="active", origin="import",
        started_at=timezone.now(), **values,
    )  # fmt: skip


def test_database_refuses_links_to_oneself_duplicates_and_other_organisers(pos, alice, link):
    stranger = ContactFactory()
    for wrong, name in [
        (row(alice, alice), "link_not_to_oneself"),
        (row(alice, link.child), "link_once"),
        (row(alice, stranger), "link_child_same_organiser"),
        (row(alice, stranger, organiser_id=stranger.organiser_id), "link_parent_same_organiser"),
    ]:
        with pytest.raises(IntegrityError, match=name), transaction.atomic():
            wrong.save()
            with connection.cursor() as cursor:
                cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
    assert add(alice, pos, BOB).code == adding.ALREADY
