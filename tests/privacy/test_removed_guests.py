"""A guest is erased from another person's order: their questions are settled, and no new answers are stored."""

import re
from dataclasses import dataclass

import pytest
from django.db import connection
from django.test import Client
from django.utils import timezone

from contacts.models import Contact
from privacy.declarations import ownerless
from privacy.erasure import erasing
from registration_forms.answers import changing, responses
from registration_forms.models import Answer, AnswerHistory, FormVersion, RegistrationForm, Response
from tests.factories.catalogue import OfferFactory
from tests.factories.organisers import make_staff
from tests.factories.registration_forms import ask, make_form, publish
from tests.factories.sales import make_order
from tests.friends import friendly_pos, linked, make_visitor
from tests.staff import Staff, change
from tests.visitor import TestClientVisitor as Visitor
from ticketshop.mail import mime_messages
from ticketshop.mail.models import Mail
from ticketshop.organisers.models import PointOfSale
from ticketshop.sales.answers import requests
from ticketshop.sales.mails.order_mails import order_path
from ticketshop.sales.models import Order, Ticket

pytestmark = [pytest.mark.django_db, pytest.mark.scenario("S35")]
ASKS_FOR_MORE = "The organiser asks you for more"
REMOVED = "Guest removed: these answers are erased, and nothing is asked in their place."


@dataclass
class Booking:
    """Alice's order of a ticket for herself and one for Vera, whose form has two mandatory questions."""

    pos: PointOfSale
    form: RegistrationForm
    alice: Contact
    vera: Contact
    order: Order

    @property
    def own(self) -> Response:
        return self.order.tickets.get(beneficiary=self.alice).response

    @property
    def removed(self) -> Response:
        return self.order.tickets.get(holder_erased_at__isnull=False).response


@pytest.fixture
def booking() -> Booking:
    pos = friendly_pos(slug="theatre")
    alice = make_visitor(pos, "Alice", "Martin", email="alice@example.org")
    vera = linked(alice, pos, ("Vera", "Zweig", "vera@example.org"))
    form = make_form("tariff", organiser=pos.organiser)
    born = ask(form, "Date of birth", "birth_date", visibility="mandatory")
    menu = ask(form, "Menu", visibility="mandatory")
    version = publish(form)
    offer = OfferFactory(pos=pos)
    holders = [
        {"first_name": "Alice", "last_name": "Martin", "person": "me"},
        {"first_name": "Vera", "last_name": "Zweig", "person": str(vera.pk)},
    ]
    order = make_order({offer: 2}, user=alice.user, holders=holders, paid=True)
    offer.tariff.form = form
    offer.tariff.save()
    now = timezone.now()
    for ticket in order.tickets.order_by("pk"):
        answers = {born.key: now.date().replace(year=1990), menu.key: f"menu of {ticket.holder_first_name}"}
        given = responses.NewResponse(version, answers, ticket.beneficiary_id, ticket.session.ends_at)
        (ticket.response,) = responses.store([given], organiser=pos.organiser, language="en", now=now)
        ticket.save(update_fields=["response"])
        changing.change(
            ticket.response, {**answers, menu.key: f"{answers[menu.key]} again"}, revision=1, by=None,
            source="buyer", now=now,
        )  # fmt: skip
    return Booking(pos, form, alice, vera.child, order)


def erase(contact: Contact) -> None:
    assert erasing.erase(contact, by=None, now=timezone.now()).state in ("closed", "deferred")


def values(response: Response) -> set:
    return set(Answer.objects.filter(response=response).values_list("state", "v_text", "v_date"))


def posted(page) -> dict[str, str]:
    return page.form("-revision$").values


def test_erased_answers_are_not_asked_for_again_on_the_order_page(booking):
    page = Visitor().open(order_path(booking.order))
    assert "menu of Vera again" in page.text and REMOVED not in page.text
    Answer.objects.filter(response=booking.own, field__label="Menu").update(state=2, v_text=None)
    assert ASKS_FOR_MORE in Visitor().open(order_path(booking.order)).text, "what Alice owes is asked for"
    Answer.objects.filter(response=booking.own, field__label="Menu").update(state=1, v_text="fish")
    erase(booking.vera)
    page = Visitor().open(order_path(booking.order))
    assert REMOVED in page.text and "guest removed" in page.text
    assert ASKS_FOR_MORE not in page.text and "Vera" not in page.source
    assert Response.objects.get(pk=booking.removed.pk).erased_on == timezone.localdate()


def test_the_buyer_changes_her_own_answers_beside_a_removed_guest(booking):
    visitor, page = Visitor(), f"{order_path(booking.order)}answers/"
    before = posted(visitor.open(page))
    guests = [
        name
        for name in before
        if f"r{booking.order.tickets.get(beneficiary=booking.vera).response_id}-" in name
    ]
    assert len(guests) == 4, "the block of the guest is there"
    erase(booking.vera)
    form = visitor.open(page).form("-revision$")
    assert not [name for name in guests if name in form.names]
    (menu,) = [name for name, value in form.values.items() if value == "menu of Alice again"]
    after = visitor.submit(form, {menu: "fish"})
    assert "Your answers are saved." in after.text
    assert "fish" in responses.read(booking.own).values()
    assert values(booking.removed) == {(Answer.State.ERASED, None, None)}


def test_a_page_opened_before_stores_nothing_about_a_removed_guest(booking):
    visitor = Visitor()
    form = visitor.open(f"{order_path(booking.order)}answers/").form("-revision$")
    typed = {name: "typed too late" for name, value in form.values.items() if value == "menu of Vera again"}
    assert typed
    erase(booking.vera)
    visitor.submit(form, typed)
    assert values(booking.removed) == {(Answer.State.ERASED, None, None)}
    assert not AnswerHistory.objects.filter(response=booking.removed).exclude(old=None, new=None).exists()
    edit = changing.Edit(booking.removed, {}, booking.removed.revision)
    with pytest.raises(changing.Closed):
        changing.change_all([edit], by=None, source="staff", now=timezone.now())


def test_staff_can_not_fill_in_a_removed_guest(booking):
    staff = Staff(make_staff(booking.pos.organiser, "owner"))
    page = f"{change(booking.order).removesuffix('change/')}answers/"
    assert "menu of Vera again" in staff.open(page).source
    erase(booking.vera)
    shown = staff.open(page)
    assert REMOVED in shown.text
    assert f"r{booking.removed.pk}-" not in " ".join(shown.form("-revision$").names)


def test_no_list_counts_a_removed_guest_as_missing_an_answer(booking):
    staff = Staff(make_staff(booking.pos.organiser, "owner"))
    page = f"{change(booking.form).removesuffix('change/')}answers/"
    erase(booking.vera)
    # A question that is newer than all answers.
    more = ask(booking.form, "Shirt", visibility="mandatory")
    staff.open(f"{change(booking.form).removesuffix('change/')}publish/")
    form = next(form for form in staff.page.forms if form.method == "post" and form.action == "")
    assert "1 existing" in staff.page.text, "of the two, the guest is not asked"
    staff.submit(form, {})
    shown = staff.open(page)
    (missing,) = re.findall(r"(?s)<h2[^>]*>[^<]*Missing answers.*?</ul>", shown.source)
    assert re.findall(r"<bdi>([^<]*)</bdi></a> \((\d+)\)", missing) == [("Shirt", "1")]
    listed = staff.open(f"{page}?missing={more.key}")
    assert "1 answer to this form" in listed.text
    Response.objects.update(erased_on=timezone.localdate())
    assert not re.search(r"<bdi>Shirt</bdi></a> \(\d", staff.open(page).source)


def test_no_mail_asks_for_a_removed_guest(booking):
    erase(booking.vera)
    ask(booking.form, "Shirt", visibility="mandatory")
    version = publish(booking.form)
    RegistrationForm.objects.filter(pk=booking.form.pk).update(asked_again=version)
    wanted = Mail.objects.filter(kind="answers_wanted")
    requests.tell_some(version, 0, timezone.now())
    assert "Shirt" in mime_messages.build(wanted.get()).body, "Alice owes an answer of her own"
    wanted.delete()
    tell_all_but(booking.own, version)
    assert not wanted.exists()


def tell_all_but(response: Response, version: FormVersion) -> None:
    Response.objects.filter(pk=response.pk).update(version=version)
    requests.tell_some(version, 0, timezone.now())


def test_nothing_is_left_when_guest_and_buyer_are_erased(booking):
    assert ownerless.counts() == {}
    erase(booking.vera)
    assert ownerless.counts() == {}
    visitor = Visitor()
    form = visitor.open(f"{order_path(booking.order)}answers/").form("-revision$")
    visitor.submit(form, {name: "zqtyped" for name, value in form.values.items() if "menu of Alice" in value})
    Ticket.objects.update(state="used", used_at=timezone.now())
    erase(booking.alice)
    assert Contact.objects.get(pk=booking.alice.pk).erased_at is not None
    assert ownerless.counts() == {}
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT count(*) FROM registration_forms_answer a, registration_forms_answerhistory h"
            " WHERE a.v_text LIKE '%zqtyped%' OR h.new::text LIKE '%zqtyped%' OR h.old::text LIKE '%menu%'"
        )
        assert cursor.fetchone() == (0,)
    assert Client().get(order_path(booking.order)).status_code == 404
