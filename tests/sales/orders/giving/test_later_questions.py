"""Questions that a form gets after a ticket was given: the person who has the ticket is asked by e-mail, as earlier buyers are."""

import pytest
from django.utils import timezone

from contacts.models import Contact
from privacy.erasure import erasing
from registration_forms.models import Answer
from tests.factories.organisers import make_staff
from tests.factories.registration_forms import ask, make_form, publish
from tests.sales.mails.test_order_mails import deliver, mark_sent
from tests.staff import Staff
from ticketshop.mail.models import Mail
from ticketshop.sales.answers import missing_answers, requests
from ticketshop.sales.models import Order
from ticketshop.sales.orders import books

from .shop import BOBS_MENU, Giving, signed_in

pytestmark = pytest.mark.django_db
KIND = "answers_wanted_for_you"


def give_form(giving: Giving, label: str = "Menu"):
    """Give the tariff a form with a mandatory question, and ask the people who have its tickets."""
    form = make_form("tariff", organiser=giving.pos.organiser)
    ask(form, label, visibility="mandatory")
    publish(form)
    giving.tariff.form = form
    giving.tariff.save()
    ask_earlier(giving, form)
    return form


def ask_earlier(giving: Giving, form) -> None:
    now = timezone.now()
    missing_answers.ask(form, by=None, now=now)
    form.refresh_from_db()
    missing_answers.ask_some(form, now)


def letters(mailoutbox) -> dict[str, list[str]]:
    """Return recipient -> texts of the letters that are sent now."""
    found: dict[str, list[str]] = {}
    for letter in deliver(mailoutbox):
        found.setdefault(letter.to[0], []).append(f"{letter.subject}\n{letter.body}")
    return found


def test_a_later_form_is_sent_once_to_the_holder_of_a_given_ticket(mailoutbox):
    giving = Giving(now=timezone.now())
    giving.accepted()
    Contact.objects.filter(pk=giving.bob.pk).update(language="fr")
    mark_sent()
    form = give_form(giving)
    sent = letters(mailoutbox)
    # Alice has no other ticket: nothing is asked of her.
    assert list(sent) == ["bob@example.org"]
    (text,) = sent["bob@example.org"]
    assert "Menu" in text
    assert "Répondre" in text
    assert f"/account/orders/tickets/{giving.ticket.pk}/answers/" in text
    for of_the_buyer in ("Alice", "alice@", "Martin", giving.order.reference, giving.order.secret):
        assert of_the_buyer not in text
    ask_earlier(giving, form)
    assert not letters(mailoutbox)
    assert Mail.objects.filter(kind=KIND).count() == 1


@pytest.mark.scenario("TIC-05", "S37")
@pytest.mark.parametrize("deferred", [False, True])
def test_a_later_form_is_asked_of_the_holder_after_the_erasure_of_the_buyer(deferred, mailoutbox):
    giving = Giving(quantity=2, now=timezone.now())
    giving.accepted()
    if deferred:
        # The erasure still waits for the end of something: the buyer's row is there.
        Contact.objects.filter(pk=giving.alice.pk).update(erasing_at=timezone.now())
    else:
        assert erasing.erase(giving.alice, by=None, now=timezone.now()).state in ("closed", "deferred")
        Order.objects.update(buyer=None)
    mark_sent()
    form = give_form(giving)
    sent = letters(mailoutbox)
    assert list(sent) == ["bob@example.org"]
    assert "Alice" not in sent["bob@example.org"][0]
    # Bob is asked for his ticket alone: nobody can answer for the one that the buyer kept.
    response = giving.read().response
    assert (response.about, response.form) == (giving.bob, form)
    assert giving.order.tickets.exclude(pk=giving.ticket.pk).get().response is None
    bob = signed_in(giving.bob)
    page = bob.open(f"/{giving.pos.slug}/account/orders/tickets/{giving.ticket.pk}/answers/")
    (menu,) = (name for name in page.form("^ask-").names if name.endswith(form.fields.get().key))
    assert BOBS_MENU in bob.fill("^ask-", {menu: BOBS_MENU}).text
    # The row keeps nothing of the buyer, and goes with the person it is about.
    erasing.erase(giving.bob, by=None, now=timezone.now())
    assert not Answer.objects.filter(v_text=BOBS_MENU).exists()
    ask_earlier(giving, form)
    assert not letters(mailoutbox)
    assert {code for code, found in books.check().items() if found} == set()


def test_staff_enter_the_answers_of_a_given_ticket_whose_buyer_is_erased():
    giving = Giving(now=timezone.now())
    giving.accepted()
    Order.objects.update(buyer=None)
    form = make_form("tariff", organiser=giving.pos.organiser)
    question = ask(form, "Menu", visibility="mandatory")
    publish(form)
    giving.tariff.form = form
    giving.tariff.save()
    staff = Staff(make_staff(giving.pos.organiser))
    staff.press(giving.ticket, "enter-answers")
    (menu,) = (name for name in staff.page.form("^ask-").names if name.endswith(question.key))
    assert "The answers are saved." in staff.fill("^ask-", {menu: BOBS_MENU}).text
    assert giving.read().response.about == giving.bob


def test_a_question_published_later_is_asked_of_buyer_and_holder_each_about_their_own_ticket(mailoutbox):
    giving = Giving(quantity=2, form=True, now=timezone.now())
    giving.accepted(post=giving.answer)
    mark_sent()
    ask(giving.form, "Allergies", visibility="mandatory")
    giving.form.asked_again = publish(giving.form)
    giving.form.save()
    for _again in range(2):
        requests.tell_some(giving.form.asked_again, 0, timezone.now())
    sent = letters(mailoutbox)
    assert {address: len(texts) for address, texts in sent.items()} == {
        "alice@example.org": 1, "bob@example.org": 1,
    }  # fmt: skip
    assert "Allergies" in sent["bob@example.org"][0]
    assert giving.order.reference not in sent["bob@example.org"][0]
    assert giving.order.reference in sent["alice@example.org"][0]


def test_nothing_is_asked_when_the_ticket_is_no_longer_theirs(mailoutbox):
    giving = Giving(now=timezone.now())
    ticket = giving.accepted()
    mark_sent()
    give_form(giving)
    mail = Mail.objects.get(kind=KIND)
    # As after a return: the ticket has no gift.
    type(ticket).objects.filter(pk=ticket.pk).update(gift=None)
    assert "bob@example.org" not in letters(mailoutbox)
    mail.refresh_from_db()
    assert mail.state != Mail.State.QUEUED


def test_a_holder_without_questions_to_answer_gets_no_mail(mailoutbox):
    giving = Giving(now=timezone.now())
    giving.accepted()
    mark_sent()
    form = make_form("tariff", organiser=giving.pos.organiser)
    ask(form, "Wishes")
    publish(form)
    giving.tariff.form = form
    giving.tariff.save()
    ask_earlier(giving, form)
    assert Mail.objects.filter(kind=KIND).exists()
    assert not letters(mailoutbox)
