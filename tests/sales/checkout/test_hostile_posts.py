"""Posts that no browser sends, malicious texts, and the texts on a ticket."""

import pytest
from django.utils import timezone

from registration_forms.answers import responses
from registration_forms.models import Answer, Response
from tests.exports import steps
from tests.factories.accounts import PASSWORD
from tests.factories.organisers import make_staff
from tests.factories.registration_forms import ask, publish
from tests.qr import text_of_pdf
from tests.sales import jazz
from tests.sales.jazz import Jazz, blocks, fill, in_every, of_blocks
from tests.staff import Staff, change
from ticketshop.mail import tasks
from ticketshop.mail.models import Mail
from ticketshop.sales.models import Cart, Order
from ticketshop.sales.payments import payments

pytestmark = pytest.mark.django_db


@pytest.fixture
def shop():
    return Jazz()


@pytest.fixture
def who():
    return jazz.visitor()


def send(who, page, extra: dict):
    """The form on screen with anything added to it."""
    form = page.form("^checkout_key$")
    return who._follow("POST", page.url, {**form.values, **jazz.BUYER, **extra})


def paid(shop) -> Order:
    order = Order.objects.get()
    payments.confirm(order.payments.get(), by=None, now=timezone.now())
    order.refresh_from_db()
    return order


@pytest.mark.scenario("RF-29")
def test_a_tampered_post_reads_and_stores_nothing_foreign(shop, who):
    form, other = shop.form("tariff", shop.adult), shop.form("tariff", shop.child)
    menu = ask(form, "Menu", "single_choice", choices=["Meat", "Gone"], visibility="mandatory")
    staff = ask(form, "Seen", staff_only=True)
    foreign = ask(other, "Other", "single_choice", choices=["Theirs"])
    meat, gone = menu.choices.get(label="Meat"), menu.choices.get(label="Gone")
    gone.active = False
    gone.save()
    publish(form)
    publish(other)
    shop.add(who, shop.adult, 1)
    page = shop.details(who)
    (block,) = blocks(page)
    (name,) = of_blocks(page, menu)
    for wrong in (foreign.choices.get().key, gone.key, "no-such-thing", "\x00", "-1"):
        page = send(who, page, {name: wrong})
        assert page.status == 200
        assert [target for target, _text in jazz.summary_links(page)] == [f"id_{name}_0"]
    assert fill(who, {name: meat.key}).url.endswith("/review/")
    page = shop.details(who)
    page = send(
        who,
        page,
        {
            name: meat.key,
            f"{block}-{staff.key}": "for staff only",
            f"{block}-{foreign.key}": foreign.choices.get().key,
            "ask--1-x": "negative",
            "ask-000000000000-" + menu.key: meat.key,
            "version-999999": "1",
            f"version-{form.pk}": "99999999999999999999999",
            "response": "1",
        },
    )
    assert page.url.endswith("/review/")
    assert set(jazz.draft()[block.removeprefix("ask-")]) == {menu.key}
    who.place("on_site")
    assert responses.read(Response.objects.get()) == {menu.key: meat.key}
    assert not Answer.objects.filter(field__in=[staff, foreign], state=Answer.State.ANSWERED).exists()


@pytest.mark.scenario("RF-29")
@pytest.mark.parametrize("number", ["-1", "0", "99", "²", "1e3", "9" * 40, "%00"])
def test_a_page_that_does_not_exist_is_the_nearest_one(shop, who, number):
    shop.asked("tariff", shop.adult)
    shop.add(who, shop.adult, 1)
    assert who.open(f"/{shop.pos.slug}/checkout/?page={number}").status in {200, 400}


@pytest.mark.scenario("RF-29")
@pytest.mark.parametrize(
    "button", [("copy", "order:order"), ("copy", "x"), ("copy", ""), ("remove", "order"), ("remove", "x")]
)
def test_a_button_that_does_not_exist_changes_nothing(shop, who, button):
    shop.asked("tariff", shop.adult)
    shop.add(who, shop.adult, 2)
    page = fill(who, button=button) if shop.details(who) else None
    assert page.status == 200
    assert len(blocks(page)) == 2


@pytest.mark.scenario("RF-29")
def test_ten_thousand_unknown_keys_are_refused(shop, who):
    shop.asked("tariff", shop.adult)
    shop.add(who, shop.adult, 1)
    page = shop.details(who)
    assert 400 <= send(who, page, {f"k{number}": "x" for number in range(10_000)}).status < 500
    assert not Cart.objects.get().details_complete


HOSTILE = "{{7*7}} <img src=x onerror=alert(1)> =1+1"


@pytest.mark.scenario("RF-30")
def test_a_hostile_text_is_inert_everywhere(shop, who, mailoutbox):
    form = shop.form("tariff", shop.adult)
    remark = ask(form, "Remark", "long_text", on_ticket=True)
    publish(form)
    shop.add(who, shop.adult, 1)
    page = shop.details(who)
    dirty = f"{HOSTILE}\x00\u202e\u200b\r\nsecond e\u0301 line \U0001f383"
    clean = f"{HOSTILE}\nsecond \u00e9 line \U0001f383"
    seen = [fill(who, in_every(page, remark, dirty)), shop.details(who)]
    fill(who)
    seen.append(who.place("on_site"))
    assert responses.read(Response.objects.get()) == {remark.key: clean}
    order = paid(shop)
    address = f"/{shop.pos.slug}/orders/{order.reference}/{order.secret}/"
    seen += [who.open(address), who.open(f"{address}tickets/")]
    staff = jazz.visitor()
    staff.log_in(make_staff(shop.organiser).email, PASSWORD, "/accounts/login/?next=/admin/")
    seen.append(staff.open(f"/admin/sales/order/{order.pk}/change/"))
    for page in seen:
        assert page.status == 200
        assert "<img src=x" not in page.source
    for page in [seen[0], seen[1], seen[3], seen[4]]:
        assert "{{7*7}}" in page.text
        assert "&lt;img src=x" in page.source
    for pk in Mail.objects.values_list("pk", flat=True):
        tasks.send(pk)
    for letter in mailoutbox:
        assert "<img src=x" not in "".join(part.content for part in letter.alternatives)
    pdf = who.send("GET", f"{address}tickets.pdf")
    assert pdf.status == 200
    assert "{{7*7}}" in "".join(text_of_pdf(pdf.body))


@pytest.mark.scenario("RF-30")
def test_a_text_that_is_too_long_is_refused_before_it_is_stored(shop, who):
    form = shop.form("tariff", shop.adult)
    remark = ask(form, "Remark", "long_text", rules={"max_length": 10})
    publish(form)
    shop.add(who, shop.adult, 1)
    page = shop.details(who)
    assert len(jazz.summary_links(fill(who, in_every(page, remark, "x" * 11)))) == 1
    assert fill(who, in_every(page, remark, "1\r\n" * 4 + "\U0001f383\U0001f383")).url.endswith("/review/")
    page = shop.details(who)
    assert 400 <= fill(who, in_every(page, remark, "x" * 10_000_000)).status < 500
    assert len(str(Cart.objects.get().details)) < 3000


@pytest.mark.scenario("RF-27")
def test_what_a_form_shows_on_the_ticket(shop, who):
    form = shop.form("tariff", shop.adult)
    first = ask(form, "First name", system_ref="first_name", visibility="mandatory", on_ticket=True)
    ask(form, "Last name", system_ref="last_name", visibility="hidden")
    menu = ask(form, "Menu", on_ticket=True)
    secret = ask(form, "Remark")
    publish(form)
    shop.add(who, shop.adult, 1)
    page = shop.details(who)
    names = page.form("^checkout_key$").names
    (holder,) = [name for name in names if name.startswith("holder-") and name.endswith("first_name")]
    assert not [name for name in names if name.startswith("holder-") and name.endswith("last_name")]
    assert of_blocks(page, first) == []
    page = fill(who, in_every(page, menu, "vegan") | in_every(page, secret, "not for the door"))
    assert [target for target, _text in jazz.summary_links(page)] == [f"id_{holder}"]
    fill(who, {holder: "Zoë"})
    who.place("on_site")
    order = paid(shop)
    address = f"/{shop.pos.slug}/orders/{order.reference}/{order.secret}/tickets"
    for text in (who.open(f"{address}/").text, "".join(text_of_pdf(who.send("GET", f"{address}.pdf").body))):
        assert "Zoë" in text
        assert "vegan" in text
        assert "not for the door" not in text


@pytest.mark.scenario("RF-27")
def test_a_form_that_asks_for_names_alone(shop, who):
    form = shop.form("tariff", shop.adult)
    ask(form, "First name", system_ref="first_name", visibility="mandatory")
    ask(form, "Last name", system_ref="last_name", visibility="mandatory")
    publish(form)
    shop.add(who, shop.adult, 1)
    page = shop.details(who)
    assert blocks(page) == []
    assert "Leave it empty" not in page.text
    # Names of one part are allowed here.
    assert len(jazz.summary_links(fill(who))) == 1
    slot = next(name for name in page.form("^checkout_key$").names if name.startswith("holder-"))[:19]
    assert fill(who, {f"{slot}-first_name": "Zoë", f"{slot}-last_name": "M"}).url.endswith("/review/")
    who.place("on_site")
    assert Order.objects.get().tickets.get().holder == "Zoë M"


RULES = "I accept the [rules](https://example.org/rules?a=1&b=2) *fully*"
WORDS = "I accept the rules fully"
LINK = '<a href="https://example.org/rules?a=1&amp;b=2" target="_blank" rel="noopener noreferrer nofollow">rules</a>'


@pytest.mark.scenario("RF-10")
@pytest.mark.django_db(transaction=True)
def test_a_label_shows_its_link_where_it_is_asked_and_its_words_elsewhere(shop, who):
    form = shop.form("tariff", shop.adult)
    rules = ask(form, RULES, "consent", visibility="mandatory")
    ask(form, f"{RULES} <b>", "static_text", help_text="Read [this](https://example.org/more).")
    staff = Staff(make_staff(shop.organiser))
    staff.open(f"{change(form).removesuffix('change/')}preview/")
    assert LINK in staff.page.source
    publish(form)
    shop.add(who, shop.adult, 1)
    page = shop.details(who)
    assert page.source.count(LINK) == 2
    assert '<a href="https://example.org/more" target="_blank"' in page.source
    assert "&lt;b&gt;" in page.source
    fill(who)  # without the tick: the summary names the question, and its link leads to it
    assert not [text for _id, text in jazz.summary_links(who.page) if "](" in text]
    fill(who, dict.fromkeys(of_blocks(who.page, rules), "on"))
    assert WORDS in who.page.text
    assert "](" not in who.page.text
    who.place("on_site")
    ticket = jazz.order().tickets.get()
    pages = [change(form), change(rules), change(ticket), f"{change(form).removesuffix('change/')}answers/"]
    for address in pages:
        staff.open(address)
        assert WORDS in staff.page.text, address
    found = steps.export("participants", form, "form")
    assert f"{WORDS}" in found.labels
