"""Security: forms must come from the shop, redirects stay on the site, extra posted fields are ignored."""

import ast
import functools
import re
import time
from pathlib import Path
from urllib.parse import quote

import pytest
from django.core import signing
from django.test import Client
from django.urls import reverse

from accounts.models import User
from tests.factories.accounts import PASSWORD
from tests.project.test_pages import fingerprint
from tests.project.test_routes import ROWS, shop
from tests.project.world import World
from tests.visitor import TestClientVisitor
from ticketshop.lib.forms import open_forms
from ticketshop.sales.models import Cart, Order

pytestmark = pytest.mark.django_db
OURS, WHAT_TO_DO = "http://testserver", "Go back, reload the page and send the form again"


@pytest.fixture
def visitor(world) -> TestClientVisitor:
    """Return a logged-in visitor whose CSRF tokens are checked."""
    visitor = TestClientVisitor()
    visitor.client.force_login(world.aye.visitor)
    return visitor


def refused(answer) -> bool:
    return answer.status_code == 403 and WHAT_TO_DO in answer.content.decode()


# --- CSRF ------------------------------------------------------------------------------------

# The first two stand on pages that carry no cookie (see ticketshop.lib.forms.open_forms); a mail service and a payment service
# have none.
OPEN = {"language", "shop:cart_add", "mail_webhook", "payment_hook"}
POSTED = [name for name, row in ROWS.items() if row.post != (405, 405) and name not in OPEN]


ORIGINS = ({"origin": OURS}, {}, {"origin": "https://evil.example"}, {"origin": "null"})
WITHOUT_TOKEN = [
    (headers, data)
    for data in ({}, {"csrfmiddlewaretoken": "x" * 64, "form_token": "form:x:y"})
    for headers in ORIGINS
]


def assert_refused_without_a_token(world: World, visitor: TestClientVisitor, step: int) -> None:
    """Post to each form, with every ``step``-th way to have no token, the next form with the next ways. No row changes."""
    before = fingerprint()
    for number, name in enumerate(POSTED):
        url = reverse(name, kwargs=ROWS[name].args(world.aye))
        for headers, data in WITHOUT_TOKEN[number % step :: step]:
            assert refused(visitor.client.post(url, data, headers=headers)), (name, headers, data)
    assert fingerprint() == before


def test_form_without_a_csrf_token_is_refused_with_a_page(world, visitor):
    """Each form is sent in one of the eight ways, the next form in the next way."""
    assert len(POSTED) > 80
    assert_refused_without_a_token(world, visitor, step=len(WITHOUT_TOKEN))


@pytest.mark.soak
def test_form_without_a_csrf_token_is_refused_with_a_page_in_every_way(world, visitor):
    assert_refused_without_a_token(world, visitor, step=1)


def profile(visitor: TestClientVisitor, world: World, origin: str | None, token: str):
    """Post the unchanged profile form with this token from this origin."""
    url = reverse("account:profile", kwargs=shop(world.aye))
    form = visitor.open(url).form("^birth_date$")
    headers = {} if origin is None else {"origin": origin}
    values = form.values | {
        "city": "Elsewhere",
        "csrfmiddlewaretoken": token or form.values["csrfmiddlewaretoken"],
    }
    answer = visitor.client.post(url, values, headers=headers)
    world.aye.contact.refresh_from_db()
    return answer, world.aye.contact.city


@pytest.mark.parametrize("origin", [OURS, None])
def test_valid_token_from_the_own_site_is_accepted(origin, world, visitor):
    answer, city = profile(visitor, world, origin, "")
    assert (answer.status_code, city) == (302, "Elsewhere")


@pytest.mark.parametrize(
    "origin",
    ["https://evil.example", "null", "http://testserver.evil.example", "http://[evil", "https://testserver"],
)
def test_valid_token_from_another_site_is_refused(origin, world, visitor):
    answer, city = profile(visitor, world, origin, "")
    assert refused(answer)
    assert city == ""


def test_token_from_before_the_log_in_or_of_another_user_is_refused(world):
    visitor, other = TestClientVisitor(), TestClientVisitor()
    old = visitor.open("/accounts/login/").form("^login$").values["csrfmiddlewaretoken"]
    theirs = other.open("/accounts/login/").form("^login$").values["csrfmiddlewaretoken"]
    world.aye.visitor.set_password(PASSWORD)
    world.aye.visitor.save()
    visitor.log_in(world.aye.visitor.email, PASSWORD)
    for token in (old, theirs):
        answer, city = profile(visitor, world, OURS, token)
        assert refused(answer)
        assert city == ""


def add(client: Client, world: World, **headers: str):
    """Put a ticket into the cart from a cached page."""
    url = reverse("shop:cart_add", kwargs=shop(world.aye))
    token = headers.pop("token", None) or open_forms.token()
    data = {f"offer-{world.aye.offer.pk}": "1", open_forms.FIELD: token}
    return client.post(url, data, headers=headers)


@pytest.mark.parametrize(
    "headers", [{"origin": OURS}, {"sec_fetch_site": "same-origin"}, {"sec_fetch_site": "none"}, {}]
)
def test_open_form_from_the_own_site_is_accepted(headers, world):
    before = Cart.objects.count()
    assert add(Client(enforce_csrf_checks=True), world, **headers).status_code == 302
    assert Cart.objects.count() == before + 1


@pytest.mark.parametrize(
    "headers",
    [
        {"origin": "https://evil.example"},
        {"origin": "null"},
        {"origin": "http://[evil"},
        {"origin": "https://testserver"},
        {"origin": "http://testserver:81"},
        {"sec_fetch_site": "cross-site"},
        {"sec_fetch_site": "same-site"},
        {"origin": "null", "sec_fetch_site": "same-origin"},
        {"origin": OURS, "token": "form:x:y"},
        {"origin": OURS, "token": "nonsense"},
    ],
)
def test_open_form_from_another_site_is_refused(headers, world):
    before = Cart.objects.count()
    assert refused(add(Client(enforce_csrf_checks=True), world, **headers))
    assert Cart.objects.count() == before


def test_open_form_needs_the_csrf_token_with_a_session(world):
    """For a browser that sends no Origin header."""
    client = Client(enforce_csrf_checks=True)
    assert add(client, world, origin=OURS).status_code == 302
    assert client.cookies["sessionid"].value
    assert refused(add(client, world))
    assert add(client, world, sec_fetch_site="same-origin").status_code == 302


def test_open_form_is_valid_for_a_day(world, monkeypatch):
    now = time.time()
    tokens = {}
    for hours in (23, 25):
        monkeypatch.setattr(signing.time, "time", lambda hours=hours: now - hours * 3600)
        tokens[hours] = open_forms.token()
    monkeypatch.undo()
    assert add(Client(enforce_csrf_checks=True), world, origin=OURS, token=tokens[23]).status_code == 302
    assert refused(add(Client(enforce_csrf_checks=True), world, origin=OURS, token=tokens[25]))
    for_another_purpose = signing.TimestampSigner(salt="another").sign("form")
    assert refused(add(Client(enforce_csrf_checks=True), world, origin=OURS, token=for_another_purpose))


# --- redirects ---------------------------------------------------------------------------------------------------

ELSEWHERE = [
    "//evil.example/", "///evil.example", "http://evil.example/", "https://evil.example", "/\\evil.example", "\\\\evil.example",
    "javascript:alert(1)", "data:text/html,x", "http:evil.example", "evil.example", "/\t/evil.example", "\x00//evil.example", " //evil.example",
    "http://testserver@evil.example/", "http://testserver/", "./", "",
]  # fmt: skip


@pytest.mark.parametrize("target", ELSEWHERE)
def test_log_in_redirects_only_to_the_own_site(target, world):
    world.aye.visitor.set_password(PASSWORD)
    world.aye.visitor.save()
    typed = {"login": world.aye.visitor.email, "password": PASSWORD, "next": target}
    answer = Client().post(f"/accounts/login/?next={quote(target)}", typed)
    assert (answer.status_code, answer.headers["Location"]) == (302, "/")


def test_log_in_redirects_to_the_requested_page(world):
    world.aye.visitor.set_password(PASSWORD)
    world.aye.visitor.save()
    wanted = f"/{world.aye.pos.slug}/account/orders/?page=2"
    typed = {"login": world.aye.visitor.email, "password": PASSWORD, "next": wanted}
    assert Client().post("/accounts/login/", typed).headers["Location"] == wanted
    assert Client().get(f"/admin/login/?next={quote('//evil.example')}", follow=True).status_code == 200


@pytest.mark.parametrize("target", ELSEWHERE)
def test_other_forms_redirect_only_to_the_own_site(target, world):
    home, token = f"/{world.aye.pos.slug}/", open_forms.token()
    sent = {"headers": {"origin": OURS}}
    answer = Client().post(
        "/i18n/language/", {"language": "fr", "next": target, open_forms.FIELD: token}, **sent
    )
    assert answer.headers["Location"] == "/"
    answer = Client().post(f"{home}cart/add/", {"back": target, open_forms.FIELD: token}, **sent)
    assert answer.headers["Location"] == home
    other = f"/{world.bee.pos.slug}/"
    answer = Client().post(f"{home}cart/add/", {"back": other, open_forms.FIELD: token}, **sent)
    assert answer.headers["Location"] == home, "another shop's page is not where the form stood"


def test_other_forms_redirect_back_to_their_page(world):
    page, token = f"/{world.aye.pos.slug}/events/{world.aye.event.slug}/", open_forms.token()
    sent = {"headers": {"origin": OURS}}
    answer = Client().post(
        "/i18n/language/", {"language": "fr", "next": page, open_forms.FIELD: token}, **sent
    )
    assert answer.headers["Location"] == page
    assert answer.cookies["language"].value == "fr"
    answer = Client().post(
        f"/{world.aye.pos.slug}/cart/add/", {"back": page, open_forms.FIELD: token}, **sent
    )
    assert answer.headers["Location"] == page


# --- extra posted fields ------------------------------------------------------------------------------------------


def test_posted_prices_and_states_are_ignored(world):
    """Posts every column of an order together with the form that places it."""
    visitor = TestClientVisitor()
    event = f"/{world.aye.pos.slug}/events/{world.aye.event.slug}/"
    visitor.add(event, **{f"offer_{world.aye.offer.pk}": 2})
    visitor.to_details()
    visitor.give_details(email="ada@example.org")
    form = visitor.page.form("^content_hash$")
    planted = {
        "total": "0.01", "price": "0.01", "unit_price": "0", "currency": "XXX", "state": "paid", "paid_at": "2020-01-01", "discount": "99",
        "buyer": str(world.aye.contact.pk), "organiser": str(world.bee.organiser.pk), "point_of_sale": str(world.bee.pos.pk),
        "user": str(world.admin.pk), "quantity": "50", "vat_total": "0", "reference": "MINE", "secret": "mine",
    }  # fmt: skip
    form.names |= set(planted)
    visitor.submit(form, {"terms": "on", "method": "on_site", **planted})
    order = Order.objects.latest("pk")
    assert (str(order.total), order.currency, order.state) == ("70.00", "CHF", "pending")
    assert (order.organiser, order.point_of_sale, order.created_by) == (
        world.aye.organiser,
        world.aye.pos,
        None,
    )
    assert order.buyer != world.aye.contact
    assert order.paid_at is None
    assert order.tickets.count() == 2
    assert order.reference != "MINE"


def test_sign_up_creates_no_staff(client):
    planted = {
        "is_superuser": "on",
        "is_active": "on",
        "is_staff": "on",
        "verified": "on",
        "user_permissions": "1",
        "groups": "1",
    }
    client.post(
        "/accounts/signup/", {"email": "ada@example.org", "password1": "wooden horse at noon", **planted}
    )
    user = User.objects.get(email="ada@example.org")
    assert not user.is_superuser
    assert not user.emailaddress_set.get().verified
    assert not user.groups.exists()
    assert not user.user_permissions.exists()


# --- the source code -----------------------------------------------------------------------------------------------------

ROOT = Path(__file__).resolve().parents[2]
ROOMS = ("accounts", "contacts", "privacy", "registration_forms", "ticketshop")
# Functions that mark text as safe HTML, each after escaping it.
MARKED_SAFE = {
    "ticketshop/office/list_cells.py",
    "ticketshop/lib/web/markdown.py",
    "ticketshop/lib/web/page_tags.py",
    "ticketshop/lib/translated.py",
}
# Functions that compose SQL, from names of tables and columns only; the cursor of lib/database/base.py passes statements on.
BUILT_SQL = {
    "contacts/contacts.py",
    "privacy/erasure/statistics.py",
    "privacy/declarations/cached_traces.py",
    "ticketshop/limits/cache.py",
    "ticketshop/mail/outbox.py",
    "ticketshop/lib/database/base.py",
    "ticketshop/lib/database/writing.py",
    "ticketshop/lib/postgres/cluster.py",
}


@functools.cache
def calls_and_imports() -> tuple[
    list[tuple[str, str, ast.Call]], list[tuple[str, ast.Import | ast.ImportFrom]]
]:
    """Read every module of the program except migrations, once. Return (path, name of the function, call) and (path, import)."""
    calls, imports = [], []
    for path in (path for room in ROOMS for path in sorted((ROOT / room).rglob("*.py"))):
        if "migrations" in path.parts:
            continue
        name = path.relative_to(ROOT).as_posix()
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Call):
                function = node.func
                called = function.attr if isinstance(function, ast.Attribute) else getattr(function, "id", "")
                calls.append((name, called, node))
            elif isinstance(node, ast.Import | ast.ImportFrom):
                imports.append((name, node))
    return calls, imports


def test_mark_safe_is_used_only_in_known_functions():
    calls, _imports = calls_and_imports()
    assert {
        name for name, called, _node in calls if called in {"mark_safe", "SafeString", "SafeText"}
    } == MARKED_SAFE


def test_templates_escape_what_they_show():
    """Only the subjects of mails need no escaping."""
    templates = [path for path in (ROOT / "templates").rglob("*") if path.is_file()]
    assert len(templates) > 100
    for path in templates:
        text = path.read_text()
        assert not re.search(r"\|\s*(safe|safeseq)\b", text), path
        if "autoescape off" in text:
            assert path.suffix == ".txt", path
            assert path.parent.name == "emails", path


def test_values_reach_the_database_as_parameters():
    calls, _imports = calls_and_imports()
    for name, called, node in calls:
        assert called not in {"extra", "RawSQL", "raw"}, f"{name}:{node.lineno}"
        if called in {"execute", "executemany"} and node.args and name not in BUILT_SQL:
            assert fixed(node.args[0]), f"{name}:{node.lineno} builds SQL"


def fixed(sql: ast.AST) -> bool:
    """Return whether an expression is a literal or a constant, not a composed text."""
    if isinstance(sql, ast.Name):
        return sql.id.isupper()
    return isinstance(sql, ast.Constant) or (isinstance(sql, ast.Attribute) and sql.attr == "sql")


def test_input_is_neither_executed_nor_unpickled():
    forbidden = {"eval", "exec", "compile", "__import__", "loads_pickle"}
    calls, imports = calls_and_imports()
    for name, called, node in calls:
        if called in forbidden:
            receiver = getattr(getattr(node.func, "value", None), "id", None)
            # Regular expressions, and what Django calls its maker of SQL.
            assert receiver in {"re", "compiler"}, f"{name}:{node.lineno} {called}"
    for name, node in imports:
        names = {alias.name for alias in node.names} | {getattr(node, "module", None)}
        assert not names & {"pickle", "marshal", "shelve"}, f"{name}:{node.lineno}"


def test_scripts_write_text_and_no_html():
    scripts = sorted((ROOT / "ticketshop" / "static").rglob("*.js"))
    assert scripts
    for path in scripts:
        assert not re.search(
            r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\(|new Function", path.read_text()
        ), path
