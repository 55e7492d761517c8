"""Friends and family in the visitor's account: the list, removing, both sides of a link."""

import re
from datetime import date, timedelta
from itertools import product
from zoneinfo import ZoneInfo

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from contacts import contacts
from contacts.linking import adding, links
from contacts.models import Contact, ContactLink
from tests.factories.accounts import PASSWORD
from tests.factories.catalogue import OfferFactory
from tests.factories.organisers import PointOfSaleFactory
from tests.factories.sales import make_order
from tests.friends import BOB, friendly_pos, linked, make_visitor
from ticketshop.mail.models import Mail
from ticketshop.organisers.models import PointOfSale

from ..pages import ACCOUNT, LIST, NEW, TYPED, ask, browser_of, neutral, own_pages, rows, submit

pytestmark = pytest.mark.django_db


@pytest.fixture
def pos(db):
    return friendly_pos(slug="theatre", name="The Theatre")


@pytest.fixture
def alice(pos, visitor):
    """A visitor whose browser is ``visitor``."""
    alice = make_visitor(pos, email="alice@example.org")
    visitor.client.force_login(alice.user)
    return alice


# --- switched on and off ---------------------------------------------------------------------------------


@pytest.mark.scenario("FF-01")
def test_new_shop_has_no_menu_entry_and_answers_404(visitor):
    pos = PointOfSaleFactory(slug="theatre")
    assert not pos.friends_family_enabled
    alice = make_visitor(pos, email="alice@example.org")
    link = linked(alice, pos)
    visitor.client.force_login(alice.user)
    assert "Friends and family" not in visitor.open(ACCOUNT).text
    for method, url in [("GET", LIST), ("GET", NEW), ("POST", NEW), *own_pages(link)]:
        page = ask(visitor, method, url, **TYPED)
        assert page.status == 404, url
    pos.friends_family_enabled = True
    pos.save()
    assert "Friends and family" in visitor.open(ACCOUNT).text
    assert visitor.open(LIST).status == 200


@pytest.mark.scenario("FF-03")
def test_list_stays_when_switched_off_and_on_again(pos, alice, visitor):
    for number in range(2):
        linked(alice, pos, ("Person", str(number), f"p{number}@example.org"))
    before = rows(visitor.open(LIST))
    links_before = list(ContactLink.objects.order_by("pk").values())
    PointOfSale.objects.update(friends_family_enabled=False)
    for method, url in [("GET", LIST), ("GET", NEW), ("POST", NEW), *own_pages(ContactLink.objects.first())]:
        assert ask(visitor, method, url, **TYPED).status == 404
    assert "Friends and family" not in visitor.open(ACCOUNT).text
    assert list(ContactLink.objects.order_by("pk").values()) == links_before
    PointOfSale.objects.update(friends_family_enabled=True)
    after = rows(visitor.open(LIST))
    assert re.sub(r'value="[^"]*"', "", after) == re.sub(r'value="[^"]*"', "", before)


# --- the list --------------------------------------------------------------------------------------------


@pytest.mark.scenario("FF-05")
def test_list_shows_name_status_date_and_remove_button(pos, alice, visitor):
    page = visitor.open(LIST)
    assert "Your list is empty." in page.text
    assert page.link("New") == NEW
    linked(alice, pos, ("Zoe", "Zürn", "zoe@example.org"))
    pos.organiser.link_consent_required = True
    linked(alice, pos, ("Adam", "Ähn", "adam@example.org"))
    page = visitor.open(LIST)
    assert "Your list is empty." not in page.text
    assert page.text.index("Adam Ähn") < page.text.index("Zoe Zürn")
    today = timezone.localtime(timezone=ZoneInfo(pos.organiser.time_zone)).strftime("%-d %B %Y")
    assert page.text.count(f"since {today}") == 2
    assert "Waiting for an answer" in page.text
    assert "Connected" in page.text
    assert page.text.count("Remove") == 2
    assert page.link("New") == NEW


def test_two_people_of_one_name_can_be_distinguished(pos, alice, visitor):
    son, father = (
        linked(alice, pos, adding.Person("Tim", "Martin", no_email=True, birth_date=date(year, 1, 2)))
        for year in (2016, 1980)
    )
    page = visitor.open(LIST)
    assert "born on 2 January 2016" in page.text and "born on 2 January 1980" in page.text
    assert "born on 2 January 2016" in visitor.open(f"{LIST}{son.pk}/remove/").text
    assert "born on 2 January 1980" in visitor.open(f"{LIST}{father.pk}/remove/").text
    cousin = linked(alice, pos, ("Tim", "Martin", "tim@example.org"))
    assert "tim@example.org" in visitor.open(f"{LIST}{cousin.pk}/remove/").text


@pytest.mark.scenario("FF-05")
@pytest.mark.parametrize("url", [LIST, NEW])
def test_log_in_page_leads_back_to_the_list(pos, visitor, url):
    alice = make_visitor(pos)
    assert visitor.open(url).url == f"/accounts/login/?next={url}"
    assert visitor.fill("^login$", {"login": alice.email, "password": PASSWORD}).url == url


@pytest.mark.scenario("FF-06")
def test_added_person_sees_the_parent_apart_from_the_own_people(pos, alice):
    bob = make_visitor(pos, "Bob", "Miller", email=BOB[2])
    linked(alice, pos)
    linked(bob, pos, ("Carol", "Ray", "carol@example.org"))
    page = browser_of(bob).open(LIST)
    own, _heading, added_you = page.text.partition("People who have added you")
    assert "Carol Ray" in own
    assert "Alice Martin" not in own
    assert "Alice Martin" in added_you
    assert "Carol Ray" not in added_you


def test_list_takes_the_same_queries_for_any_length(pos, alice, visitor):
    def cost() -> int:
        with CaptureQueriesContext(connection) as statements:
            assert visitor.open(LIST).status == 200
        return len(statements)

    linked(alice, pos, ("Person", "0", "p0@example.org"))
    linked(make_visitor(pos, "Parent", "0"), pos, ("Alice", "Martin", alice.email))
    few = cost()
    for number in range(1, 4):
        linked(alice, pos, ("Person", str(number), f"p{number}@example.org"))
        linked(make_visitor(pos, "Parent", str(number)), pos, ("Alice", "Martin", alice.email))
    assert cost() == few


def test_pages_have_private_no_store(pos, alice, visitor):
    link = linked(alice, pos)
    for url in (LIST, NEW, f"{LIST}{link.pk}/", f"{LIST}{link.pk}/remove/"):
        assert visitor.open(url).headers["Cache-Control"] == "private, no-store"


# --- removing --------------------------------------------------------------------------------------------


@pytest.mark.scenario("FF-07")
def test_removal_asks_first_and_can_be_undone(pos, alice, visitor):
    link = linked(alice, pos)
    person = {"first_name": "Bobby-Secret", "last_name": "Miller", "person": str(link.pk)}
    order = make_order({OfferFactory(pos=pos): 1}, user=alice.user, holders=[person], paid=True)
    before = Contact.objects.filter(pk=link.child_id).values().get()
    ticket = order.tickets.values().get()
    page = visitor.open(visitor.open(LIST).link("Remove"))
    assert "Remove Bob Miller from your list?" in page.text
    link.refresh_from_db()
    assert link.status == "active", "opening the page changes nothing"
    page = visitor.submit(next(form for form in page.forms if form.method == "post" and not form.action))
    assert (page.url, page.messages[0]) == (LIST, "Bob Miller is no longer in your list.")
    assert "Bob Miller" not in rows(page)
    assert Contact.objects.filter(pk=link.child_id).values().get() == before
    assert order.tickets.values().get() == ticket
    page = visitor.fill("undo/")
    assert page.messages == ["Bob Miller is in your list again."]
    assert "Bob Miller" in rows(page)


@pytest.mark.scenario("FF-07")
def test_repeated_removal_changes_nothing(pos, alice, visitor):
    link = linked(alice, pos)
    page = visitor.open(f"{LIST}{link.pk}/remove/")
    form = next(form for form in page.forms if form.method == "post" and not form.action)
    for _time in range(2):
        visitor.page = page
        assert visitor.submit(form).url == LIST
        state = ContactLink.objects.values().get()
    link.refresh_from_db()
    assert (link.status, ContactLink.objects.values().get()) == ("ended", state)
    assert visitor.open(f"{LIST}{link.pk}/remove/").url == LIST


@pytest.mark.scenario("FF-07")
def test_removal_can_be_undone_for_ten_minutes(pos, alice, visitor):
    link = linked(alice, pos)
    visitor.open(f"{LIST}{link.pk}/remove/")
    visitor.submit(next(form for form in visitor.page.forms if form.method == "post" and not form.action))
    undo = visitor.page.form("undo/")
    ContactLink.objects.update(ended_at=timezone.now() - timedelta(minutes=11))
    assert "Undo" not in visitor.open(LIST).text
    assert "This can’t be undone any more. You can add the person again." in visitor.submit(undo).text
    assert "Bob Miller" not in rows(visitor.page)


@pytest.mark.scenario("FF-07")
def test_removal_without_the_csrf_token_is_refused(pos, alice, visitor):
    link = linked(alice, pos)
    assert visitor.send("POST", f"{LIST}{link.pk}/remove/", {}).status == 403
    link.refresh_from_db()
    assert link.status == "active"


# --- links of other visitors -------------------------------------------------------------------------------------


@pytest.mark.scenario("FF-08")
def test_links_of_other_visitors_are_answered_like_a_missing_one(pos, alice, visitor):
    other = friendly_pos(slug="festival")
    elsewhere = contacts.for_user(other.organiser, alice.user, language="en", now=timezone.now())
    others = {
        "of another visitor": linked(make_visitor(pos, "Carol", "Ray"), pos),
        "of another organiser": linked(make_visitor(other, "Carol", "Ray"), other),
        "of the same person elsewhere": linked(elsewhere, other),
    }
    before = list(ContactLink.objects.order_by("pk").values())
    mails = Mail.objects.count()
    missing = own_pages(ContactLink(pk=987_654_321))
    for number, (method, nowhere) in enumerate(missing):
        wishes = ("accept", "leave", "not_me", "allow") if "answer" in nowhere else ("",)
        for data in ({"answer": wish} for wish in wishes):
            none = ask(visitor, method, nowhere, **data)
            assert none.status == 404
            for whose, link in others.items():
                url = own_pages(link)[number][1]
                page = ask(visitor, method, url, **data)
                assert page.status == 404, (whose, url)
                assert neutral(page) == neutral(none), (whose, url)
    assert list(ContactLink.objects.order_by("pk").values()) == before
    assert Mail.objects.count() == mails


@pytest.mark.scenario("FF-08")
def test_impossible_keys_are_answered_with_404(pos, alice, visitor):
    for number in (0, 10**20, 10**400 // 10**300):
        assert ask(visitor, "GET", f"{LIST}{number}/").status == 404
        assert ask(visitor, "POST", f"{LIST}{number}/remove/").status == 404


@pytest.mark.scenario("FF-08")
def test_child_can_not_open_pages_of_the_parent(pos, alice, visitor):
    bob = make_visitor(pos, "Bob", "Miller", email=BOB[2])
    link = linked(alice, pos)
    hers, his = browser_of(alice), browser_of(bob)
    for method, url in own_pages(link):
        parents = not ("seen" in url or "answer" in url)
        assert (ask(hers, method, url).status != 404) == parents, url
    links.undo_remove(link, most=20, by=None, now=timezone.now())
    for method, url in own_pages(link):
        parents = not ("seen" in url or "answer" in url)
        assert (ask(his, method, url).status == 404) == parents, url


# --- what one sees of the other --------------------------------------------------------------------------


SECRETS = {
    "first_name": "Bobby-Secret", "last_name": "Stored-Secret", "phone": "+41790009911", "street": "Secretstreet 5",
    "postcode": "9911", "city": "Secretville", "country": "LI", "birth_date": date(1971, 2, 3), "language": "fr",
    "email": "stored-secret@example.org", "company": "Secret-Works",
}  # fmt: skip


@pytest.mark.scenario("FF-09")
def test_parent_sees_only_what_they_typed(pos, alice, visitor):
    """Every column of the child has a recognisable value, so that the test fails if the page shows a new column."""
    link = linked(alice, pos)
    unlisted = {field.name for field in Contact._meta.concrete_fields} - set(SECRETS)
    assert unlisted == {
        "id", "organiser", "number", "subject_uuid", "kind", "email_key", "user", "email_verified_at", "email_kept", "created_via",
        "created_at", "claimed_at", "blocked_at", "purge_after", "sort_key", "search", "erasing_at", "erasing_until", "erased_at",
    }, "a new column: give it a secret here, and see whether a parent is shown it"  # fmt: skip
    Contact.objects.filter(pk=link.child_id).update(**SECRETS, email_key=SECRETS["email"])
    offer = OfferFactory(pos=pos)
    visitor.put_in_cart("theatre", **{f"offer_{offer.pk}": 1})
    event = f"/theatre/events/{offer.session.event.slug}/"
    for status, permission in product(["pending", "active"], ["assign", "view", "manage"]):
        ContactLink.objects.update(status=status, permission_parent=permission)
        for url in (LIST, f"{LIST}{link.pk}/", f"{LIST}{link.pk}/remove/", "/theatre/checkout/", event):
            page = visitor.open(url)
            assert page.status == 200, url
            if url != event:
                assert "Bob Miller" in page.text
            assert_shows_no_secret(page, Contact.objects.get(pk=link.child_id))


def assert_shows_no_secret(page, child: Contact) -> None:
    shown = page.source.lower().replace("private", "")
    for name, value in {**SECRETS, "number": child.number, "subject_uuid": child.subject_uuid}.items():
        if name not in {"language", "country"}:
            assert str(value).lower() not in shown, f"{name} on {page.url}"
    assert "3 february 1971" not in shown
    assert "1971" not in shown


def test_parent_and_child_see_the_same_page(pos, alice, visitor):
    bob = make_visitor(pos, "Bob", "Miller", email=BOB[2])
    link = linked(alice, pos)
    ContactLink.objects.update(permission_parent="view")
    make_order({OfferFactory(pos=pos): 1}, user=bob.user, paid=True)
    facts = r'(?s)<dl class="facts">.*?</dl>'
    hers = re.findall(facts, visitor.open(f"{LIST}{link.pk}/").source)
    page = browser_of(bob).open(f"{LIST}{link.pk}/seen/")
    assert "What Alice Martin sees of you" in page.text
    assert re.findall(facts, page.source) == hers
    assert "35.00" not in visitor.page.source
    title = bob.orders.get().lines.get().title
    assert title in hers[0]


@pytest.mark.scenario("FF-30")
def test_tickets_are_visible_only_with_consent_and_permission(pos, alice, visitor):
    pos.organiser.link_consent_required = True
    pos.organiser.save()
    bob = make_visitor(pos, "Bob", "Miller", email=BOB[2])
    order = make_order({OfferFactory(pos=pos): 1}, user=bob.user, paid=True)
    link = linked(alice, pos)
    title, url = order.lines.get().title, f"{LIST}{link.pk}/"
    his = browser_of(bob)
    assert title not in visitor.open(url).text
    his.open(LIST)
    page = his.submit(his.page.form("answer/"), button=("answer", "accept"))
    assert page.messages == ["You are connected with Alice Martin."]
    assert title not in visitor.open(url).text
    his.open(f"{LIST}{link.pk}/seen/")
    his.fill("^permission$", {"permission": "view"}, button=("answer", "allow"))
    assert title in visitor.open(url).text
    his.open(f"{LIST}{link.pk}/seen/")
    his.fill("^permission$", {"permission": "assign"}, button=("answer", "allow"))
    assert title not in visitor.open(url).text


@pytest.mark.scenario("FF-31")
def test_leaving_ends_the_link_at_once_without_a_mail_to_the_parent(pos, alice, visitor):
    bob = make_visitor(pos, "Bob", "Miller", email=BOB[2])
    link = linked(alice, pos)
    links.change_permission(link, "view", by=bob.user, now=timezone.now())
    assert visitor.open(f"{LIST}{link.pk}/").status == 200
    mails = Mail.objects.count()
    his = browser_of(bob)
    page = his.open(his.open(LIST).link("Stop this connection…"))
    assert "Stop the connection with Alice Martin?" in page.text
    assert links.of_parent(alice).exists(), "asked first"
    page = his.submit(next(form for form in page.forms if form.method == "post" and not form.action))
    assert page.messages[0] == "You are no longer connected with Alice Martin."
    assert "Alice Martin" not in rows(page)
    assert visitor.open(f"{LIST}{link.pk}/").status == 404
    assert "Bob Miller" not in visitor.open(LIST).text
    assert Mail.objects.count() == mails


def stopped(bob, link):
    """Let Bob end the connection; return his browser, which shows the list."""
    his = browser_of(bob)
    his.open(f"{LIST}{link.pk}/seen/")
    his.open(his.page.link("Stop this connection…"))
    his.submit(next(form for form in his.page.forms if form.method == "post" and not form.action))
    return his


@pytest.mark.scenario("FF-31")
def test_stopping_can_be_undone_for_ten_minutes(pos, alice):
    bob = make_visitor(pos, "Bob", "Miller", email=BOB[2])
    link = linked(alice, pos)
    links.change_permission(link, "view", by=bob.user, now=timezone.now())
    his = stopped(bob, link)
    assert "You stopped the connection with Alice Martin." in his.page.text
    page = his.submit(his.page.form("stop/undo/"))
    assert page.messages == ["You are connected with Alice Martin again."]
    link.refresh_from_db()
    assert (link.status, link.permission_parent, link.ended_at) == ("active", "view", None)

    his = stopped(bob, link)
    form = his.page.form("stop/undo/")
    ContactLink.objects.filter(pk=link.pk).update(ended_at=timezone.now() - timedelta(minutes=11))
    assert "can’t be undone any more" in his.submit(form).messages[0]
    link.refresh_from_db()
    assert link.status == "declined"


@pytest.mark.scenario("FF-26")
def test_stopping_can_not_be_undone_if_the_list_of_the_parent_is_full(pos, alice):
    bob = make_visitor(pos, "Bob", "Miller", email=BOB[2])
    link = linked(alice, pos)
    his = stopped(bob, link)
    linked(alice, pos, ("Carol", "King", "carol@example.org"))
    PointOfSale.objects.update(friends_family_max=1)
    assert "can’t be undone any more" in his.submit(his.page.form("stop/undo/")).messages[0]
    assert [one.entered_first_name for one in links.of_parent(alice)] == ["Carol"]


@pytest.mark.scenario("FF-31")
def test_stopping_can_be_undone_only_by_the_same_visitor(pos, alice):
    bob = make_visitor(pos, "Bob", "Miller", email=BOB[2])
    link = linked(alice, pos)
    his = stopped(bob, link)
    form = his.page.form("stop/undo/")
    other = browser_of(bob)  # another browser of his
    other.open(LIST)
    token = other.page.form("logout").values["csrfmiddlewaretoken"]
    other.send("POST", form.action, {"csrfmiddlewaretoken": token})
    link.refresh_from_db()
    assert link.status == "declined"
    linked(alice, pos)  # added again meanwhile: one link, not two
    his.submit(form)
    assert links.of_parent(alice).count() == 1


@pytest.mark.scenario("FF-32")
def test_not_me_in_the_account_ends_the_link_and_further_mails(pos, alice):
    pos.organiser.link_consent_required = True
    pos.organiser.save()
    bob = make_visitor(pos, "Bob", "Miller", email=BOB[2])
    link = linked(alice, pos)
    his = browser_of(bob)
    his.open(LIST)
    his.submit(his.page.form("answer/"), button=("answer", "not_me"))
    link.refresh_from_db()
    assert (link.status, link.end_reason) == ("ended", "not_me")
    bob.refresh_from_db()
    assert bob.purge_after is None


# --- resending ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("goes", [True, False])
def test_resending_has_the_same_answer_whether_a_mail_goes_or_not(pos, alice, visitor, goes):
    pos.organiser.link_consent_required = True
    pos.organiser.link_mails_per_day = 2 if goes else 1
    pos.organiser.save()
    submit(visitor)
    page = visitor.fill("resend/")
    assert page.messages == ["We tell Bob Miller once more, unless they were told a short while ago."]
    assert Mail.objects.count() == 1 + goes


@pytest.mark.parametrize("name", ["undo", "resend", "answer"])
def test_changes_are_never_made_by_get_requests(pos, alice, visitor, name):
    link = linked(alice, pos)
    assert visitor.send("GET", f"{LIST}{link.pk}/{name}/").status == 405
    assert visitor.send("HEAD", f"{LIST}{link.pk}/remove/").status == 200
    link.refresh_from_db()
    assert link.status == "active"
