"""Any input gives a page with a message, never a server error or an empty page; typed text is shown escaped.

The forms are read from the pages, and the pages from the table of routes, so a new form is tested without a change here.
Here each name of a field, each form, each header and each body gets a fixed part of what is sent, its neighbour the next part;
with `make soak` all of them get all.
"""

import copy
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from urllib.parse import quote, urlencode, urljoin, urlsplit

import pytest
from django.db import transaction
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from contacts.linking import link_mail
from contacts.models import Contact
from tests.project.test_routes import LOG_IN_FIRST, ROWS, address, browser
from tests.project.world import World
from tests.visitor import Form, Page
from ticketshop.sales.models import Cart, CartLine

pytestmark = pytest.mark.django_db

ANSWERS = {200, 301, 302, 303, 400, 403, 404, 405, 409, 410, 413, 422, 429}
SCRIPT, IMAGE = "<script>alert(1)</script>", '"><img src=x onerror=alert(1)>'
LONG_IDN = "a@" + ".".join(["ä" * 30] * 8)
LONE_SURROGATE, BROKEN = b"\xed\xa0\x80", b"\xff\xfe\x80"

# Values that often cause failures: tried in each field separately, with valid values in the others.
WORST = [SCRIPT, "nul\x00inside", LONE_SURROGATE, "1" + "0" * 30]
# Values tried in all fields of a form at once, a different one in each.
TEXTS = [
    IMAGE, "{{7*7}}", "{% debug %}", "${7*7}", "' OR 1=1 --", "%", "_", "\\", "' \" ` ´ ’",
    "zero\u200bwidth", "\u202egnirts\u202c", "a" + "\u0301" * 50, "👩\u200d👧 𝒳", "Mu\u0308ller", "ıİſßŉ", BROKEN,
    "\x1b[31mred", "tab\there", "line\r\nbreak", "x" * 100_000, "a\u2028b\u2029c", "\ufeff", " ", "x" * 1000, "=1+1", "../../etc/passwd",
]  # fmt: skip
ADDRESSES = [
    "O'BRIEN@EXAMPLE.ORG", "a+b@example.org", '"quoted local"@example.org', "a@exämple.org", "a@b", "a@@b.org",
    "a@b.org.", LONG_IDN, "x@y.z\nBcc: all@example.org", "x@y.z\r\nSubject: y", f"{'a' * 243}@example.org", f"{'a' * 244}@example.org",
]  # fmt: skip
NUMBERS = [
    "-1", "0", "1.5", "1e9", "NaN", "Infinity", "１２", "0x10", " 2 ", "1_000", "١", "9" * 19, "-" + "9" * 19, "2147483648",
]  # fmt: skip
IDS = [
    "1" + "0" * 20,
    "00000000-0000-0000-0000-000000000000",
    "on",
    "None",
    "javascript:alert(1)",
    "//evil.example/",
]
DAYS = [
    "30.02.2026", "2026-02-30", "0000-01-01", "9999-12-31", "99999-01-01", "2028-02-29", "1800-01-01", "2026-13-01T25:61",
]  # fmt: skip
EVERYTHING = [*WORST, *TEXTS, *ADDRESSES, *NUMBERS, *IDS, *DAYS]


# --- sending a form and checking the response ---------------------------------------------------------------------


@contextmanager
def undone(client: Client) -> Iterator[None]:
    """Roll back what happens in the block: rows, limits, and the browser's cookies."""
    cookies = copy.deepcopy(client.cookies)
    with transaction.atomic():
        yield
        transaction.set_rollback(True)
    client.cookies = cookies


def sound(answer, sent: str) -> Page:
    """Check that the response is a page in the shop's look, and that no input became markup."""
    assert answer.status_code in ANSWERS, f"{answer.status_code} for {sent}"
    body = b"".join(answer.streaming_content) if answer.streaming else answer.content
    if answer.status_code in {301, 302, 303}:
        target = answer.headers["Location"]
        assert target.startswith(("/", "http://testserver/")), f"to {target} for {sent}"
        assert not target.startswith(("//", "/\\")), f"to {target} for {sent}"
    elif answer.headers["Content-Type"].startswith("text/html") and answer.request["REQUEST_METHOD"] not in {
        "HEAD",
        "OPTIONS",
    }:
        assert b"<h1" in body, f"an empty page for {sent}"
        assert b"</html>" in body
        assert SCRIPT.encode() not in body, f"{sent} became markup"
        assert b'"><img src=x' not in body, f"{sent} became markup"
        assert b"Traceback" not in body
    return Page(answer.status_code, answer.request["PATH_INFO"], answer.headers, body)


def encoded(values: dict) -> bytes:
    pairs = [
        (name, item if isinstance(item, bytes) else str(item).encode("utf-8", "surrogatepass"))
        for name, value in values.items()
        for item in (value if isinstance(value, list) else [value])
    ]
    return urlencode(pairs).encode()


def send(client: Client, form: Form, url: str, values: dict, sent: str) -> Page:
    """Send a form like a browser, and check the response and the page after a redirect."""
    target = urljoin(url, form.action) if form.action else url
    if form.method == "get":
        return sound(client.get(f"{target.split('?')[0]}?{encoded(values).decode()}"), sent)
    answer = client.generic(
        "POST",
        target,
        encoded(values),
        content_type="application/x-www-form-urlencoded",
        headers={"origin": "http://testserver"},
    )
    page = sound(answer, sent)
    if page.status in {302, 303}:
        parts = urlsplit(answer.headers["Location"])
        sound(
            client.get(parts.path, query_params=None, QUERY_STRING=parts.query), f"{sent}, then {parts.path}"
        )
    return page


# In the names of fields: the slot of a person in a cart, the id of a row.
SLOT_OR_ID = re.compile(r"[0-9a-f]{12}|\d+")


# --- the forms of the shop ---------------------------------------------------------------------------------


@dataclass
class Found:
    """A form, its page, and the visitor who read it."""

    client: Client
    url: str
    form: Form

    @property
    def fields(self) -> list[str]:
        return sorted(self.form.names - {"csrfmiddlewaretoken", "form_token"})

    @property
    def key(self) -> tuple:
        """Return the kind of the form, without slots of a cart and ids of rows."""
        names = frozenset(SLOT_OR_ID.sub("N", name) for name in self.fields)
        action = urlsplit(urljoin(self.url, self.form.action)).path
        return self.form.method, re.sub(r"\d+", "N", action), names

    def __str__(self):
        return f"the form {self.form.action or self.url} on {self.url}"


def forms_on(client: Client, url: str) -> Iterator[Found]:
    answer = client.get(url)
    if answer.status_code == 200 and answer.headers["Content-Type"].startswith("text/html"):
        page = sound(answer, "nothing")
        for form in page.forms:
            if form.names - {"csrfmiddlewaretoken", "form_token"}:
                yield Found(client, url, form)


def fill_a_cart(client: Client, world: World) -> None:
    house = world.aye
    quantities = {f"offer-{house.offer.pk}": "2", f"pass-{house.season_pass.pk}": "1"}
    token = (
        browser().get(f"/{house.pos.slug}/events/{house.event.slug}/").context["request"]
        and Page(200, "", {}, browser().get(f"/{house.pos.slug}/events/{house.event.slug}/").content)
        .form("offer-")
        .values["form_token"]
    )
    client.post(
        f"/{house.pos.slug}/cart/add/",
        {**quantities, "form_token": token},
        headers={"origin": "http://testserver"},
    )
    page = Page(200, "", {}, client.get(f"/{house.pos.slug}/checkout/").content)
    form = page.form("^buyer-first_name$")
    typed = {"buyer-first_name": "Ada", "buyer-last_name": "L", "buyer-email": "ada@example.org"}
    client.post(f"/{house.pos.slug}/checkout/", {**form.values, **typed})
    assert b"content_hash" in client.get(f"/{house.pos.slug}/checkout/review/").content


def visitors_pages(world: World) -> Iterator[tuple[Client, str]]:
    """Return every page that a visitor can open, as a guest and logged in, with a cart."""
    request = world.aye.link.request
    token = link_mail.new_token(request, days=30, now=timezone.now())
    request.save()
    for user in (None, world.aye.visitor):
        client = browser(user)
        fill_a_cart(client, world)
        for name, row in ROWS.items():
            # A guest is sent to the log-in from the pages of the account, which have all their forms for a visitor.
            if row.get[user is not None] not in {404, 405} and (user or row.get != LOG_IN_FIRST):
                yield client, reverse(name, kwargs=row.args(world.aye))
        yield client, f"/links/{token}/"


@pytest.fixture(scope="module")
def all_forms(made_world, django_db_blocker) -> list[Found]:
    """Return one form of each kind, read once per file."""
    kinds: dict[tuple, Found] = {}
    with django_db_blocker.unblock():
        for client, url in visitors_pages(made_world):
            for form in forms_on(client, url):
                kinds.setdefault(form.key, form)
    return list(kinds.values())


@pytest.fixture
def found(all_forms, db) -> list[Found]:
    return all_forms


def names_of(found: Found) -> list[str]:
    """Return the names of all fields of a form, hidden ones and tokens included."""
    return [*dict.fromkeys([*found.form.values, *found.fields])]


def filled_from(found: Found, first: int) -> dict:
    """Return values to fill in: in each field the next one of ``EVERYTHING``, beginning with number ``first``."""
    values = {
        name: EVERYTHING[(first + index) % len(EVERYTHING)] for index, name in enumerate(names_of(found))
    }
    return values | tokens(found.form)


def rounds(found: Found) -> Iterator[dict]:
    """Yield values to fill in until each value was used in the form."""
    for first in range(0, len(EVERYTHING), min(len(names_of(found)), len(EVERYTHING) // 4)):
        yield filled_from(found, first)


def tokens(form: Form) -> dict:
    return {name: form.values[name] for name in ("csrfmiddlewaretoken", "form_token") if name in form.values}


# --- every form ----------------------------------------------------------------------------------------------


def test_walk_finds_all_forms(found):
    """If a form were missing here, the tests below would not notice."""
    fields = {name for form in found for name in form.fields}
    assert {
        "login", "password", "email", "password1", "oldpassword", "q", "category", "language", "next",
        "buyer-first_name", "buyer-email", "method", "terms", "checkout_key", "content_hash",
        "birth_date", "phone", "first_name", "last_name", "no_email",
    } <= fields  # fmt: skip
    for start in ("offer-", "pass-", "line-", "holder-", "ask-"):
        assert any(name.startswith(start) for name in fields), start


def send_in_field(form: Found, name: str, value) -> None:
    """Send a hostile value in one field, with valid values in the others."""
    sent = f"{value[:20]!r} in {name} of {form}"
    with undone(form.client):
        page = send(form.client, form.form, form.url, form.form.values | {name: value}, sent)
        said_again(page, form, name, value, sent)


def test_hostile_value_in_each_field_is_refused_or_stored_safely(found):
    """Each name of a field gets one hostile value, in one form that has it, the next name the next one."""
    fields = {SLOT_OR_ID.sub("N", name): (form, name) for form in found for name in form.fields}
    for number, (form, name) in enumerate(fields.values()):
        send_in_field(form, name, WORST[number % len(WORST)])


@pytest.mark.soak
def test_every_hostile_value_in_each_field_is_refused_or_stored_safely(found):
    for form in found:
        for name in form.fields:
            for value in WORST:
                send_in_field(form, name, value)


def said_again(page: Page, found: Found, name: str, value, sent: str) -> None:
    """Check that a form shown again contains the typed values, except passwords and choices."""
    if (
        page.status not in {200, 422}
        or found.form.method == "get"
        or "password" in name
        or value is LONE_SURROGATE
    ):
        return
    for form in page.forms:
        if name in form.values and name not in form.choices and form.names == found.form.names:
            typed = form.values[name].removeprefix("\n")  # the one below <textarea> is none of the text
            assert typed == value or name in KEPT_BY_THE_SHOP, sent


# Hidden fields whose value the server sets.
KEPT_BY_THE_SHOP = {"next", "back", "checkout_key", "content_hash", "details_hash", "terms_hash", "shown"}


def send_in_all_fields(form: Found, values: dict) -> None:
    with undone(form.client):
        send(form.client, form.form, form.url, values, f"everything in {form}")


def test_hostile_values_in_all_fields_cause_no_server_error(found):
    """Each form is sent once; its first field gets the value after that of the last field of the form before."""
    first = 0
    for form in found:
        send_in_all_fields(form, filled_from(form, first))
        first += len(names_of(form))
    assert first > len(EVERYTHING)


@pytest.mark.soak
def test_every_hostile_value_in_all_fields_causes_no_server_error(found):
    for form in found:
        for values in rounds(form):
            send_in_all_fields(form, values)


STORING = {"buyer-first_name", "birth_date", "no_email"}


def test_stored_names_contain_no_control_characters(found):
    """Names among otherwise valid values are stored without control characters, or refused."""
    storing = [form for form in found if form.form.names & STORING]
    assert len(storing) >= 3
    for form in storing:
        for value in (
            "nul\x00inside",
            "line\r\nbreak",
            LONE_SURROGATE,
            "\u202egnirts\u202c",
            "a\u2028b",
            "\x1b[31mred",
            "\ufeffx",
        ):
            names = [name for name in form.fields if "name" in name or name in {"street", "city"}]
            right = {name: "a@example.org" for name in form.fields if "email" in name}
            with undone(form.client):
                values = form.form.values | dict.fromkeys(names, value) | right
                send(form.client, form.form, form.url, values, f"{value!r} to be stored by {form}")
                assert_sound_rows()


HIDDEN = "[\x00-\x1f\x7f-\x9f\u200e\u200f\u202a-\u202e\u2028\u2029\u2066-\u2069\ufeff]"


def assert_sound_rows() -> None:
    texts = ("first_name", "last_name", "street", "postcode", "city", "phone", "email")
    for row in Contact.objects.order_by("-pk").values_list(*texts)[:5]:
        for text in row:
            assert not re.search(HIDDEN, text or ""), repr(row)
    for cart in Cart.objects.filter(details_complete=True).order_by("-pk")[:3]:
        assert not re.search(HIDDEN, "".join(cart.details["buyer"].values())), cart.details
    assert not CartLine.objects.exclude(quantity__range=(1, 20)).exists()


def test_real_names_are_accepted(found):
    """Uses the first form with a first name and an e-mail address: the checkout of a guest."""
    form = next(form for form in found if "buyer-email" in form.form.names)
    for name in (
        "O'Brien",
        "X",
        "n" * 100,
        "Jean-Luc",
        "李",
        "Mu\u0308ller",
        "van der Berg 3rd",
        "ʻOkina",
        "Ægir Þór",
    ):
        with undone(form.client):
            values = form.form.values | {"buyer-first_name": name, "buyer-last_name": name}
            page = send(form.client, form.form, form.url, values, name)
            assert page.status == 302, name
            assert page.headers["Location"].endswith("/checkout/review/")


@pytest.mark.parametrize(
    ("address", "accepted"),
    [("O'BRIEN+x@EXAMPLE.org", True), ("a@exämple.org", True), ("a@b", False), ("a@@b.org", False), (LONG_IDN, False),
     ("a@b.org.", False), ("x@y.zz\nBcc: all@example.org", False), (f"{'a' * 64}@{'b' * 60}.org", True)],
)  # fmt: skip
def test_email_addresses_are_accepted_or_refused(found, address, accepted):
    form = next(form for form in found if "buyer-email" in form.form.names)
    with undone(form.client):
        page = send(form.client, form.form, form.url, form.form.values | {"buyer-email": address}, address)
        assert (page.status == 302) == accepted
        if not accepted:
            assert "There is a problem" in page.text
            assert page.form("^buyer-email$").values["buyer-email"] == address


# --- quantities -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("quantity", [*NUMBERS, "-1", "1" + "0" * 30, "501", "21", "x", ""])
def test_quantity_is_a_number_or_gives_a_message(world, quantity):
    """A quantity is a number as people type it, or gives a message; never a strange total."""
    client, slug = browser(world.second), world.aye.pos.slug
    offer = f"offer-{world.aye.offer.pk}"
    client.post(f"/{slug}/cart/add/", {offer: "1"})
    sound(client.post(f"/{slug}/cart/add/", {offer: quantity}, follow=True), quantity)
    line = Cart.objects.get(user=world.second).lines.get()
    added = {"１２": 12, " 2 ": 2, "١": 1}.get(quantity, 0)
    assert line.quantity == 1 + added, quantity
    sound(client.post(f"/{slug}/cart/update/", {f"line-{line.pk}": quantity}, follow=True), quantity)
    left = Cart.objects.get(user=world.second).lines.first()
    if quantity in {"0", ""}:
        assert left is None
    else:
        assert left.quantity == (added or line.quantity)


def test_unknown_fields_are_ignored(world):
    client, slug = browser(world.second), world.aye.pos.slug
    names = [
        "offer-", "offer-x", "offer--1", "offer-1.0", f"offer-{'9' * 18}", f"offer-{'9' * 40}", "offer-١٢", "offer-\x00", "pass-0",
        "line-1", "price", "total", "currency", "discount", f"offer-{world.bee.offer.pk}", "x" * 10_000, "", "offer-1-2", "\u202e",
    ]  # fmt: skip
    for name in names:
        with undone(client):
            sound(client.post(f"/{slug}/cart/add/", {name: "1"}, follow=True), name)
            assert not CartLine.objects.filter(cart__user=world.second).exists(), name
    own = f"offer-{world.aye.offer.pk}"
    client.post(
        f"/{slug}/cart/add/", {own: "1", "price": "0.01", "unit_price": "0", "total": "0", "discount": "100"}
    )
    line = CartLine.objects.get(cart__user=world.second)
    assert line.unit_price == world.aye.offer.tariff.price


def test_repeated_field_has_one_value(world):
    client, slug = browser(world.second), world.aye.pos.slug
    name = f"offer-{world.aye.offer.pk}"
    body = f"{name}=7&{name}=2"
    client.post(f"/{slug}/cart/add/", body, content_type="application/x-www-form-urlencoded")
    assert CartLine.objects.get(cart__user=world.second).quantity == 2


# --- addresses --------------------------------------------------------------------------------------------------

QUERIES = [
    "", "0", "-1", "99999999999999999999", "a", "%ff", "%00", "%ed%a0%80", "%F0%9F", "//evil.example/", "javascript:alert(1)",
    "/%5Cevil.example", "http://evil.example", "/a%00b/x/", "%0d%0aSet-Cookie:a=b", "[]", "1&{name}=2", "%25", "_", "' OR 1=1 --",
    quote(SCRIPT), quote(IMAGE), quote("x" * 5000), quote("é" * 500), "%E2%80%AE", "１",
]  # fmt: skip


def asked(world: World) -> list[tuple[Client, str, str]]:
    guest, visitor = browser(), browser(world.aye.visitor)
    home = f"/{world.aye.pos.slug}/"
    return [
        (guest, home, "q"),
        (guest, home, "category"),
        (visitor, f"{home}account/orders/", "page"),
        (guest, "/mailbox/", "to"),
        (guest, home, "anything"),
        (guest, "/accounts/login/", "next"),
        (guest, "/accounts/signup/", "next"),
        (guest, "/accounts/password/reset/", "next"),
        (visitor, "/accounts/logout/", "next"),
        (visitor, "/accounts/password/change/", "next"),
        (visitor, "/accounts/login/", "next"),  # leads on at once
        (guest, f"{home}account/", "next"),
    ]


def test_query_parameters_cause_no_server_error(world):
    """The first four read their parameter differently and get all values; of the others each gets a quarter of them."""
    for number, (client, url, name) in enumerate(asked(world)):
        for value in QUERIES if number < 4 else QUERIES[number % 4 :: 4]:
            open_with(client, url, name, value)


@pytest.mark.soak
def test_every_query_parameter_causes_no_server_error(world):
    for client, url, name in asked(world):
        for value in QUERIES:
            open_with(client, url, name, value)


def open_with(client: Client, url: str, name: str, value: str) -> None:
    with undone(client):
        sound(client.get(f"{url}?{name}={value.replace('{name}', name)}"), f"{value} at {url}?{name}=")


@pytest.mark.parametrize(
    "tail",
    [
        "%ff/",
        "%00/",
        "a%00b/",
        "events/%ed%a0%80/",
        "x" * 8000 + "/",
        "events/../cart/",
        "%2e%2e/%2e%2e/",
        ".git/HEAD",
    ],
)
def test_malformed_urls_give_404(world, tail):
    for start in ("/", f"/{world.aye.pos.slug}/", "/admin/", "/media/", "/static/", "/links/"):
        page = sound(browser().get(start + tail), start + tail)
        assert page.status in {302, 404, 410}


def test_huge_numbers_in_urls_give_404(world):
    client, home = browser(world.aye.visitor), f"/{world.aye.pos.slug}/account/friends-and-family/"
    for number in ("0", "9" * 19, "1" + "0" * 30, "00"):
        assert sound(client.get(f"{home}{number}/"), number).status == 404


# --- methods and bodies -------------------------------------------------------------------------------------------


METHODS = ("PUT", "DELETE", "TRACE")


def test_unusual_methods_are_refused_with_a_page(world):
    """Each page gets one unusual method, the next page the next one."""
    client = browser(world.aye.visitor)
    for number, (name, row) in enumerate(ROWS.items()):
        refuse_method(client, METHODS[number % len(METHODS)], reverse(name, kwargs=row.args(world.aye)))


@pytest.mark.soak
def test_every_unusual_method_is_refused_with_a_page(world):
    client = browser(world.aye.visitor)
    for name, row in ROWS.items():
        for method in METHODS:
            refuse_method(client, method, reverse(name, kwargs=row.args(world.aye)))


def refuse_method(client: Client, method: str, url: str) -> None:
    with undone(client):
        page = sound(client.generic(method, url), f"{method} {url}")
        assert b"TRACE" not in page.body


def test_head_returns_the_headers_of_get(world):
    for name, row in ROWS.items():
        url = reverse(name, kwargs=row.args(world.aye))
        answer = browser().head(url)
        # Mail services check with HEAD that the URL exists.
        assert answer.status_code == (403 if name == "mail_webhook" else row.get[0]), name
        assert not b"".join(answer.streaming_content if answer.streaming else [answer.content]), name


PART = b'--x\r\nContent-Disposition: form-data; name="%s"\r\n\r\n%s\r\n'
BODIES = {
    "JSON": ("application/json", b'{"login": "a"}'),
    "text": ("text/plain", b"login=a"),
    "no type": ("", b"login=a"),
    "no boundary": ("multipart/form-data", PART % (b"login", b"a")),
    "wrong boundary": ("multipart/form-data; boundary=y", PART % (b"login", b"a")),
    "cut off": ("multipart/form-data; boundary=x", PART[:30]),
    "endless boundary": (f"multipart/form-data; boundary={'x' * 5000}", b"--"),
    "base64 that is none": (
        "multipart/form-data; boundary=x",
        b'--x\r\nContent-Disposition: form-data; name="a"\r\nContent-Transfer-Encoding: base64\r\n\r\n!!!\r\n--x--\r\n',
    ),
    "a file nobody asked for": (
        "multipart/form-data; boundary=x",
        b'--x\r\nContent-Disposition: form-data; name="login"; filename="../../x\x00.php"\r\n\r\n<?php\r\n--x--\r\n',
    ),
    "1001 fields": ("application/x-www-form-urlencoded", b"&".join(b"f%d=1" % number for number in range(1001))),
    "3 MB": ("application/x-www-form-urlencoded", b"login=" + b"x" * 3_000_000),
    "broken bytes": ("application/x-www-form-urlencoded", b"login=%ff&%ff=%ed%a0%80&next=%ff&=&&a"),
    **{
        f"charset {charset}": (f"multipart/form-data; boundary=x; charset={charset}", PART % (b"login", b"+2AA-\\ud800") + b"--x--\r\n")
        for charset in ("hex", "rot13", "utf-7", "unicode_escape", "idna", "utf-16", "nonsense", "")
    },
}  # fmt: skip


POSTED = [
    "account_login", "account_signup", "account_reset_password", "language", "shop:cart_add", "shop:cart_update", "account:profile",
    "account:friends_new", "account:friends_edit",
]  # fmt: skip


@pytest.mark.parametrize("body", BODIES)
def test_malformed_bodies_are_refused(body, world):
    """Each is sent to a third of the pages, the next one to the next third."""
    send_body(body, world, POSTED[[*BODIES].index(body) % 3 :: 3])


@pytest.mark.soak
@pytest.mark.parametrize("body", BODIES)
def test_malformed_bodies_are_refused_by_each_page(body, world):
    send_body(body, world, POSTED)


def send_body(body: str, world: World, names: list[str]) -> None:
    content_type, content = BODIES[body]
    refused = body in {"no boundary", "1001 fields", "3 MB"} or (body.startswith("charset ") and body[8:])
    for name in names:
        row = ROWS[name]
        client, url = browser(world.aye.visitor), reverse(name, kwargs=row.args(world.aye))
        with undone(client):
            page = sound(client.generic("POST", url, content, content_type=content_type), f"{body} to {url}")
            if refused and name.startswith(("shop:cart", "account:")):
                too_large = body == "3 MB"
                assert page.status == (413 if too_large else 400), url
                assert ("too much to send" if too_large else "could not be read") in page.text


class Unread:
    """A body that must not be read."""

    def read(self, *args):
        raise AssertionError("the body was read")

    readline = read


@pytest.mark.parametrize(
    ("path", "length", "status"),
    [
        ("/{pos}/cart/add/", 300_000_000, 413),
        ("/{pos}/cart/add/", 2_500_001, 413),
        ("/accounts/login/", 300_000_000, 413),
        ("/admin/login/", 10_000_001, 413),
        ("/nothing/here/", 300_000_000, 413),
        ("/{pos}/cart/add/", 10**30, 413),
    ],
)
def test_body_is_refused_by_its_declared_length_before_reading(path, length, status, world):
    for user in (None, world.aye.visitor):
        answer = browser(user).generic(
            "POST",
            path.format(pos=world.aye.pos.slug),
            content_type="multipart/form-data; boundary=x",
            **{"CONTENT_LENGTH": str(length), "wsgi.input": Unread()},
        )
        assert answer.status_code == status
        assert "too much to send" in answer.content.decode()


# --- headers ------------------------------------------------------------------------------------------------------

HEADERS = {
    "a long list of languages": {"accept-language": ",".join(f"x{number}-y;q=0.{number}" for number in range(1000))[:10_000]},
    "a language that is none": {"accept-language": "../../etc, en-XX;q=nan, *;q=-1, \xff"},
    "a cookie of nonsense": {"cookie": ";;; =; a=\x01; \xff\xfe=\xff; language=../../x; csrftoken=<script>; messages=x"},
    "a session that is none": {"cookie": 'sessionid="aaaaaaaaaaaaaaaa\\000"'},
    "a session of markup": {"cookie": f"sessionid={SCRIPT}"},
    "a long session": {"cookie": f"sessionid={'a' * 5000}"},
    "two sessions": {"cookie": "sessionid=aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa; sessionid=bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb"},
    "another host beside": {"x-forwarded-host": "evil.example", "forwarded": "host=evil.example"},
    "another proto beside": {"x-forwarded-proto": "https", "x-forwarded-for": "not an address, \x00"},
    "a part": {"range": "bytes=0-5", "if-range": "x"},
    "dates and tags": {"if-modified-since": "yesterday", "if-none-match": "\x00", "if-unmodified-since": "never"},
    "odd origin": {"origin": "http://[evil", "referer": "http://[evil", "sec-fetch-site": "\x00"},
    "odd content": {"content-type": "\xff", "content-length": "0", "transfer-encoding": "x", "accept-encoding": "\x00"},
}  # fmt: skip


@pytest.mark.parametrize("kind", HEADERS)
def test_malformed_headers_cause_no_server_error(kind, world):
    """Each is sent to a third of the pages, the next one to the next third."""
    send_headers(kind, world, [*HEADERS].index(kind) % 3, 3)


@pytest.mark.soak
@pytest.mark.parametrize("kind", HEADERS)
def test_malformed_headers_cause_no_server_error_on_any_page(kind, world):
    send_headers(kind, world, 0, 1)


def send_headers(kind: str, world: World, first: int, step: int) -> None:
    order = reverse("shop:order", kwargs=ROWS["shop:order"].args(world.aye))
    slug = world.aye.pos.slug
    opened = ["/", f"/{slug}/", f"/{slug}/cart/", "/accounts/login/", order, "/nope/", "/admin/"]
    posted = ["/i18n/language/", f"/{slug}/cart/add/", "/accounts/login/", "/accounts/password/reset/"]
    for url in opened[first::step]:
        with undone(client := browser()):
            page = sound(client.get(url, headers=HEADERS[kind]), f"{kind} at {url}")
            assert page.status in {200, 302, 404}
            assert b"evil.example" not in page.body
    for url in posted[first::step]:
        with undone(client := browser()):
            data = {"email": "a@example.org", "login": "a@example.org", "password": "x"}
            sound(client.post(url, data, headers=HEADERS[kind]), f"{kind} to {url}")


@pytest.mark.parametrize(
    "host",
    ["evil.example", "testserver.evil.example", "test server", "testserver:port", "", "[::1", "a" * 300],
)
def test_unknown_host_is_refused_with_a_page(host, world):
    for url in ("/", f"/{world.aye.pos.slug}/", "/accounts/password/reset/", "/nope/", "/health/live"):
        page = sound(browser().get(url, headers={"host": host}), f"host {host}")
        assert page.status == 400
        assert "could not be read" in page.text
        assert host not in page.text or not host


# --- the back office ------------------------------------------------------------------------------------------------

MAIN_FORMS = [
    "catalogue.event", "catalogue.tariff", "catalogue.session", "catalogue.seasonpass", "contacts.contact", "organisers.pointofsale",
    "registration_forms.field",
]  # fmt: skip


# Values of which each fills all fields of a form.
IN_ALL_FIELDS = ["nul\x00inside", "1" + "0" * 30, LONE_SURROGATE]


@pytest.fixture
def office_form(world, request) -> Found:
    """The form of a row's page of the model ``request.param``, opened as staff with all permissions."""
    url = address(request.param, "change", world.aye.row(request.param).pk)
    (found,) = [form for form in forms_on(browser(world.aye.boss), url) if "_save" in form.form.names]
    assert len(found.fields) > 5
    return found


def send_in_back_office(found: Found, values: dict) -> None:
    with undone(found.client):
        send(
            found.client,
            found.form,
            found.url,
            values,
            f"{[*values.values()][:3]!r} in all fields of {found}",
        )


def one_value(found: Found, value) -> dict:
    return dict.fromkeys(names_of(found), value) | tokens(found.form)


def counts(found: Found) -> dict:
    """Return the numbers of rows in a form: if they stay unchanged, the rows are read."""
    return {name: value for name, value in found.form.values.items() if name.endswith("_FORMS")}


@pytest.mark.parametrize("office_form", MAIN_FORMS, indirect=True)
def test_hostile_values_in_back_office_forms_cause_no_server_error(office_form, request):
    """Each form gets one value in all fields and then a different one in each, the next form the next ones.

    Including formsets, hidden ids and choices. Lists are tested in tests/office/test_scoped_admin.py, forms as they stand in
    test_saving_unchanged.py.
    """
    number = MAIN_FORMS.index(request.node.callspec.params["office_form"])
    send_in_back_office(office_form, one_value(office_form, IN_ALL_FIELDS[number % len(IN_ALL_FIELDS)]))
    send_in_back_office(
        office_form,
        filled_from(office_form, number * len(EVERYTHING) // len(MAIN_FORMS)) | counts(office_form),
    )


@pytest.mark.soak
@pytest.mark.parametrize("office_form", MAIN_FORMS, indirect=True)
def test_every_hostile_value_in_back_office_forms_causes_no_server_error(office_form):
    for value in IN_ALL_FIELDS:
        send_in_back_office(office_form, one_value(office_form, value))
    for values in rounds(office_form):
        send_in_back_office(office_form, values | counts(office_form))
