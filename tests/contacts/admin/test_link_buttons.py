"""The buttons of a connection: resend, record consent, change the permission, end; and the roles that may use them."""

import re

import pytest
from django.utils import timezone
from django.utils.translation import override

from contacts.linking import links
from contacts.models import Contact, ContactLink, LinkRequest
from tests.connections import (
    BUTTONS,
    MISSING,
    actions,
    adding_page,
    button_page,
    connect,
    kind,
    part,
    said_at,
    visitor_of,
)
from tests.factories.contacts import ContactFactory
from tests.factories.organisers import PointOfSaleFactory, StaffMembershipFactory, make_staff
from tests.friends import friendly_pos, linked, make_visitor
from tests.staff import Staff, change, listing, without_tokens
from ticketshop.history import history, texts
from ticketshop.mail.models import Mail
from ticketshop.organisers.models import Organiser

pytestmark = pytest.mark.django_db


# --- resend -----------------------------------------------------------------------------------------------
def asked(contact: Contact) -> int:
    return Mail.objects.filter(recipient=contact.email, kind__startswith="link_").count()


@pytest.mark.scenario("FF-35")
def test_request_is_resent_for_the_shop_it_came_from(staff, pos, alice):
    later = friendly_pos(organiser=pos.organiser)
    Organiser.objects.update(link_mails_per_day=5)
    link = linked(alice, later)
    assert asked(link.child) == 1
    page = staff.press(link, "resend")
    assert "The e-mail goes out in a moment." in page.text
    assert asked(link.child) == 2
    assert Mail.objects.latest("pk").point_of_sale == later
    assert LinkRequest.objects.get().resend_count == 1
    for contact in (alice, link.child):
        assert history.of(contact).first().action == "link_resent"
        assert history.of(contact).first().by == staff.user


@pytest.mark.scenario("FF-35")
def test_request_of_a_staff_link_is_sent_for_the_first_shop(staff, pos, alice, cleo):
    PointOfSaleFactory(organiser=pos.organiser, name="Later")
    connect(staff, alice, cleo)
    staff.press(ContactLink.objects.get(), "resend")
    mail = Mail.objects.get(recipient="cleo@example.org")
    assert (mail.kind, mail.point_of_sale) == ("link_known", pos)


@pytest.mark.scenario("FF-35")
def test_button_tells_why_no_mail_is_sent(staff, pos, alice, cleo):
    link = linked(alice, pos)
    assert "told a short while ago" in staff.press(link, "resend").text, "one mail a day"
    assert asked(link.child) == 1
    links.accept(link, by=None, now=timezone.now())
    assert "has agreed already" in staff.press(link, "resend").text
    child = ContactFactory(organiser=pos.organiser, email="")
    connect(staff, alice, child)
    silent = ContactLink.objects.get(child=child)
    assert "has no e-mail address" in staff.press(silent, "resend").text
    assert "Resend the request" not in staff.open(change(silent)).text
    links.end(link, reason="ended", by=None, now=timezone.now())
    assert "The connection is over." in staff.press(link, "resend").text
    assert asked(link.child) == 1


@pytest.mark.scenario("FF-35")
def test_without_a_shop_the_button_tells_that_no_mail_is_sent(alice):
    bare = ContactFactory(email="bare@example.org")
    other = ContactFactory(organiser=bare.organiser, email="other@example.org")
    staff = Staff(make_staff(bare.organiser))
    connect(staff, bare, other)
    assert "there is no point of sale" in staff.press(ContactLink.objects.get(), "resend").text
    assert not Mail.objects.exists()


# --- consent, permission, end ---------------------------------------------------------------------------------
@pytest.mark.scenario("FF-35")
def test_consent_button_needs_a_reason(staff, pos, alice):
    Organiser.objects.update(link_consent_required=True)
    pos.organiser.refresh_from_db()
    link = linked(alice, pos)
    assert link.status == ContactLink.Status.PENDING
    page = staff.open(staff.open(change(alice)).link("Record consent"))
    for empty in ("", "   "):
        page = staff.submit(page.form("^reason$"), {"reason": empty})
        assert "Write how you know that the person agrees." in said_at(page, "reason")
        link.refresh_from_db()
        assert (link.status, link.consent_at) == (ContactLink.Status.PENDING, None)
    form, address = page.form("^reason$"), button_page(link, "consent")
    page = staff.submit(form, {"reason": "By phone on 3 May"})
    link.refresh_from_db()
    assert (link.status, link.consent_by, link.consent_reason) == ("active", "operator", "By phone on 3 May")
    assert link.consent_at is not None
    assert "By phone on 3 May" in page.text
    for contact in (alice, link.child):
        event = history.of(contact).first()
        assert (event.action, event.by) == ("link_consent_recorded", staff.user)
        assert "phone" not in str(event.details), "the history keeps nobody's words"
    assert "does not wait" in staff.submit_late(address, form, reason="again").text
    assert "does not wait" in staff.open(address).text
    link.refresh_from_db()
    assert link.consent_reason == "By phone on 3 May"


def test_staff_can_change_the_permission(staff, pos, alice):
    link = linked(alice, pos)
    page = staff.open(staff.open(change(link)).link("Change what it allows"))
    assert page.form("^permission$").values["permission"] == "assign"
    staff.fill("^permission$", {"permission": "manage"})
    link.refresh_from_db()
    assert link.permission_parent == "manage"
    for contact in (alice, link.child):
        assert history.of(contact).first().action == "link_permission"
    assert "The parent may: see tickets and correct the names on them" in staff.open(change(alice)).text


@pytest.mark.scenario("FF-35")
def test_link_is_ended_once_and_contacts_stay(staff, pos, alice):
    link = linked(alice, pos)
    page = staff.open(staff.open(change(alice)).link("End the connection"))
    link.refresh_from_db()
    assert link.is_open, "a look ends nothing"
    assert "Alice Martin and Bob Miller are no longer connected." in page.text
    assert "The connection is ended." in staff.press(link, "end").text
    link.refresh_from_db()
    assert (link.status, link.end_reason, link.ended_by) == ("ended", "ended", staff.user)
    assert "ended by staff" in part(staff.open(change(alice)), "ended")
    assert Contact.objects.filter(pk__in=[alice.pk, link.child_id]).count() == 2
    before = (link.ended_at, actions(alice))
    assert "over already" in staff.press(link, "end").text
    link.refresh_from_db()
    assert (link.ended_at, actions(alice)) == before
    assert visitor_of(alice).open(f"/{pos.slug}/account/friends-and-family/").text.count("Bob Miller") == 0


@pytest.mark.scenario("FF-35")
def test_every_button_is_in_the_history_of_both_contacts_in_both_languages(staff, pos, alice):
    Organiser.objects.update(link_consent_required=True, link_mails_per_day=9)
    pos.organiser.refresh_from_db()
    link = linked(alice, pos)
    staff.press(link, "resend")
    staff.open(button_page(link, "consent"))
    staff.fill("^reason$", {"reason": "Form"})
    staff.open(button_page(link, "allow"))
    staff.fill("^permission$", {"permission": "view"})
    staff.press(link, "end")
    done = ["link_ended", "link_permission", "link_consent_recorded", "link_resent", "link_added"]
    for contact in (alice, link.child):
        assert actions(contact)[:5] == done
        for language in ("en", "fr"):
            text = Staff(staff.user, language).open(change(contact)).text
            for action in done:
                with override(language):
                    words = " ".join(str(texts.ACTIONS[action]).split())
                assert words in text, f"{action} {language}"
    with override("fr"):
        in_french = {str(texts.ACTIONS[action]) for action in done}
    with override("en"):
        assert in_french.isdisjoint(str(texts.ACTIONS[action]) for action in done)


# --- who may ------------------------------------------------------------------------------------------------
@pytest.mark.scenario("FF-35")
@pytest.mark.parametrize(
    ("role", "sees", "acts"),
    [
        ("owner", True, True),
        ("back office", True, True),
        ("box office", True, False),
        ("accounting", True, False),
    ],
)
def test_roles_that_may_see_or_change_connections(pos, alice, cleo, role, sees, acts):
    link = linked(alice, pos)
    staff = Staff(make_staff(pos.organiser, role))
    page = staff.open(change(alice))
    assert ("Bob Miller" in page.text) == sees
    assert ("Add connection" in page.text) == acts
    assert ("End the connection" in page.text) == acts
    pages = [adding_page(alice), adding_page(alice, cleo)]
    pages += [button_page(link, button) for button in BUTTONS]
    token = staff.open("/admin/").form("csrf").values["csrfmiddlewaretoken"]
    for address in pages:
        assert staff.open(address).status == (200 if acts else 403), address
        if not acts:
            data = {"csrfmiddlewaretoken": token, "direction": "child", "type": kind("partner").pk,
                    "permission": "manage", "reason": "x"}  # fmt: skip
            assert staff.send("POST", address, data).status == 403, address
    link.refresh_from_db()
    assert (link.status, link.permission_parent, ContactLink.objects.count()) == ("active", "assign", 1)


@pytest.mark.scenario("FF-35")
def test_without_permission_connections_are_hidden_and_answered_with_403(pos, alice):
    link = linked(alice, pos)
    membership = StaffMembershipFactory(organiser=pos.organiser, role="back office")
    staff = Staff(membership.user)
    assert listing(ContactLink) in staff.open("/admin/").source
    assert "connections-heading" in staff.open(change(alice)).source
    membership.role.permissions.remove(*membership.role.permissions.filter(codename__endswith="contactlink"))
    assert listing(ContactLink) not in staff.open("/admin/").source
    page = staff.open(change(alice))
    assert page.status == 200
    assert "connections-heading" not in page.source
    assert change(link.child) not in page.source
    assert staff.open(listing(ContactLink)).status == 403
    assert staff.open(adding_page(alice)).status == 403


@pytest.mark.scenario("FF-35")
def test_connection_of_another_organiser_is_answered_like_a_missing_one(staff, pos, alice, cleo):
    foreign = linked(make_visitor(far := friendly_pos()), far)
    token = staff.open("/admin/").form("csrf").values["csrfmiddlewaretoken"]
    data = {"csrfmiddlewaretoken": token, "direction": "child", "type": kind("partner").pk,
            "permission": "assign", "reason": "x"}  # fmt: skip
    pairs = [(adding_page(alice, foreign.child_id), adding_page(alice, MISSING)),
             (adding_page(foreign.parent), adding_page(alice).replace(f"/{alice.pk}/", f"/{MISSING}/"))]  # fmt: skip
    for end in ("change", "history", *BUTTONS):
        mine = change(foreign).removesuffix("change/")
        pairs.append((f"{mine}{end}/", f"{mine.replace(f'/{foreign.pk}/', f'/{MISSING}/')}{end}/"))
    for theirs, nobodys in pairs:
        for method in ("GET", "POST"):
            one, other = (staff.send(method, address, data) for address in (theirs, nobodys))
            # The read-only page refuses every POST.
            refused = 403 if (method, theirs.endswith("/change/")) == ("POST", True) else 404
            assert (one.status, other.status) == (refused, refused), f"{method} {theirs}"
            same = [re.sub(r"with=\d+", "with=ID", without_tokens(page.source)) for page in (one, other)]
            assert same[0] == same[1], f"{method} {theirs}"
    for nonsense in ("", "x", "-1", "1.5", "9" * 40, "%00"):
        assert staff.open(f"{adding_page(alice)}?with={nonsense}").status == 404
    foreign.refresh_from_db()
    assert (foreign.status, ContactLink.objects.count()) == ("active", 1)
    # The same URLs open for a link of the own organiser.
    own = linked(alice, pos)
    assert staff.open(change(own)).status == 200
