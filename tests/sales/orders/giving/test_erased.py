"""Erasure of the buyer, or of the friend, while the friend has a given ticket (S35, S37)."""

import pytest
from django.utils import timezone

from privacy.copies import copying
from privacy.erasure import erasing
from tests.factories.organisers import make_staff
from tests.migrated_database import once_per_file
from tests.qr import codes_in_pdf
from tests.sales.mails.test_order_mails import deliver, mark_sent
from tests.staff import Staff
from ticketshop.sales.answers import missing_answers
from ticketshop.sales.mails import order_mails
from ticketshop.sales.models import Order, TicketGift
from ticketshop.sales.orders import books
from ticketshop.sales.orders.giving import offers, taking_back
from ticketshop.sales.tickets import codes

from .shop import ALICES_MENU, BOBS_MENU, Giving, client_of, signed_in

pytestmark = pytest.mark.django_db
NOW = timezone.now


def make_shop() -> Giving:
    shop = Giving(form=True, now=NOW())
    shop.given = shop.accepted(post=shop.answer)
    return shop


made_shop = once_per_file(make_shop)


def erase(contact) -> str:
    return erasing.erase(contact, by=None, now=NOW()).state


def broken() -> set[str]:
    return {code for code, found in books.check().items() if found}


@pytest.mark.scenario("TIC-05", "S35")
def test_the_friend_is_erased_and_the_code_still_lets_in_while_the_buyer_sees_a_guest_removed(shop):
    assert "given to Bob Miller" in signed_in(shop.alice).open(order_mails.order_path(shop.order)).text
    assert erase(shop.bob) in ("closed", "deferred")
    ticket = shop.read()
    assert (ticket.beneficiary, ticket.holder, ticket.code, ticket.state) == (
        None,
        "",
        shop.given.code,
        "valid",
    )
    gift = TicketGift.objects.get()
    assert (gift.friend, gift.friend_name, gift.state) == (None, "", "accepted")
    alice = signed_in(shop.alice)
    page = alice.open(order_mails.order_path(shop.order))
    assert "guest removed" in page.text
    for text in ("Bob", "Miller", BOBS_MENU, ticket.code):
        assert text not in page.source, text
    assert ticket.code not in alice.open(f"/{shop.pos.slug}/account/orders/").source
    assert client_of(shop.alice).get(f"{order_mails.order_path(shop.order)}tickets.pdf").status_code == 404
    # Nothing is asked of the buyer in place of the erased answers.
    assert missing_answers.add(shop.order, now=NOW()) == 0
    door = Staff(make_staff(shop.pos.organiser, "door"))
    door.open(f"/door/{shop.offer.session.pk}/")
    page = door.fill("code", {"code": ticket.code}).text
    assert "guest removed" in page
    assert shop.read().state == "used"
    assert broken() == set()


@pytest.mark.scenario("TIC-05", "S35")
def test_the_copy_of_the_buyer_does_not_contain_the_code_of_an_erased_friends_ticket(shop):
    erase(shop.bob)
    chapters = copying.read([shop.alice])
    texts = [value.text for chapter in chapters for record in chapter.records for value in record.values]
    assert shop.order.reference in " ".join(texts)
    assert shop.given.code not in " ".join(texts)


@pytest.mark.scenario("TIC-05", "S37")
def test_the_buyer_is_erased_and_the_friend_keeps_ticket_name_answers_and_mails(shop, mailoutbox):
    mark_sent()
    assert erase(shop.alice) in ("closed", "deferred")
    order = Order.objects.get()
    assert order.buyer is None or order.buyer.erasing_at
    ticket = shop.read()
    assert (ticket.beneficiary, ticket.holder, ticket.code) == (shop.bob, "Bob Miller", shop.given.code)
    bob = signed_in(shop.bob)
    base = f"/{shop.pos.slug}/account/orders/tickets/{ticket.pk}/"
    page = bob.open(base)
    for text in ("Bob Miller", BOBS_MENU, ticket.code):
        assert text in page.source
    assert "Alice" not in page.source and "Give this ticket back" not in page.text
    assert "no longer here" in bob.open(f"{base}give-back/").text
    with pytest.raises(offers.CannotGive):
        offers.offer_back(ticket, by=shop.bob.user, now=NOW())
    # The friend still changes answers, and gets mails.
    page = bob.open(f"{base}answers/")
    (menu,) = (name for name in page.form("^ask-").names if name.endswith(shop.menu.key))
    assert "salad" in bob.fill("^ask-", {menu: "salad"}).text
    mark_sent()
    codes.renew(order, [codes.key_of(ticket)], by=None, now=NOW())
    (letter,) = deliver(mailoutbox)
    assert letter.to == ["bob@example.org"]
    assert codes_in_pdf(letter.attachments[0][1]) == [shop.read().code]
    assert broken() == set()


@pytest.mark.scenario("TIC-05", "S37")
def test_former_answers_are_erased_with_the_person_they_were_about(shop):
    former = TicketGift.objects.get().former_response
    assert former.answers.get().v_text == ALICES_MENU
    erase(shop.alice)
    former.refresh_from_db()
    assert former.answers.get().v_text is None
    assert shop.read().response.answers.get().v_text == BOBS_MENU


@pytest.mark.scenario("TIC-05", "S35")
def test_staff_take_the_ticket_of_an_erased_friend_back_for_the_buyer(shop, mailoutbox):
    erase(shop.bob)
    mark_sent()
    ticket = taking_back.take_back(shop.read(), by=None, now=NOW())
    assert (ticket.gift, ticket.holder, ticket.holder_erased_at) == (None, "Alice Martin", None)
    letters = [letter for letter in deliver(mailoutbox) if letter.attachments]
    assert [letter.to for letter in letters] == [["alice@example.org"]]
    assert codes_in_pdf(letters[0].attachments[0][1]) == [ticket.code]
    assert "Bob" not in signed_in(shop.alice).open(order_mails.order_path(shop.order)).source
    assert broken() == set()


@pytest.mark.scenario("TIC-05", "S37")
def test_after_the_erasure_of_the_buyer_the_ticket_can_t_go_back(shop):
    erase(shop.alice)
    with pytest.raises(taking_back.CannotTakeBack):
        taking_back.take_back(shop.read(), by=None, now=NOW())
    assert shop.read().code == shop.given.code
