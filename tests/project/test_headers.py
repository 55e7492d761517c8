"""Headers and cookies of each kind of response of a public shop over https."""

import copy
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from django.conf import settings
from django.core.management import call_command
from django.db import OperationalError, transaction
from django.test import Client, override_settings
from django.urls import reverse

from tests.project.world import World
from ticketshop.catalogue import programme
from ticketshop.lib.web import piece_cache

pytestmark = pytest.mark.django_db
ROOT = Path(__file__).resolve().parents[2]
HOST = "shop.example"
DUMP = """
import json, ticketshop.settings as s
print(json.dumps({name: getattr(s, name) for name in dir(s) if name.isupper()}, default=lambda value: type(value).__name__))
"""


def settings_at(base_url: str) -> dict:
    """Return the settings of a new process, because they are read once at the start."""
    env = {
        **os.environ,
        "BASE_URL": base_url,
        "DEMO": "",
        "EMAIL_URL": "smtp://localhost:25",
        "PYTHONPATH": str(ROOT),
    }
    done = subprocess.run(
        [sys.executable, "-c", DUMP], env=env, capture_output=True, text=True, check=True, cwd=ROOT
    )
    return json.loads(done.stdout)


@pytest.fixture(scope="module")
def over_https() -> dict:
    """Apply the settings that change with an https BASE_URL."""
    plain, secure = settings_at("http://testserver"), settings_at(f"https://{HOST}")
    changed = {name: value for name, value in secure.items() if plain.get(name) != value}
    assert {"SESSION_COOKIE_NAME", "SECURE_SSL_REDIRECT", "SECURE_HSTS_SECONDS", "HTTPS"} <= set(changed)
    return changed


@pytest.fixture(scope="module")
def public_shop(over_https, tmp_path_factory) -> Iterator[None]:
    """Apply the settings of a public shop with collected static files."""
    # The storage of production compresses the files, too, which takes three quarters of the time.
    storage = {"BACKEND": "django.contrib.staticfiles.storage.ManifestStaticFilesStorage"}
    storages = {**settings.STORAGES, "staticfiles": storage}
    changed = {**over_https, "STATIC_ROOT": tmp_path_factory.mktemp("static"), "STORAGES": storages}
    with override_settings(**changed), pytest.MonkeyPatch.context() as monkeypatch:
        # Pieces of the same rows that other files have rendered contain other URLs of static files.
        monkeypatch.setattr(piece_cache, "_CACHE", piece_cache.PieceCache())
        call_command("collectstatic", interactive=False, verbosity=0)
        yield


@dataclass
class Shop:
    """A browser behind the proxy that ends https."""

    world: World

    def open(self, url: str, *, user=None, method: str = "GET", **kwargs):
        client = Client(raise_request_exception=False)
        if user is not None:
            client.force_login(user)
        headers = {"host": HOST, "x-forwarded-proto": "https", **kwargs.pop("headers", {})}
        answer = client.generic(method, url, headers=headers, **kwargs)
        if answer.streaming:
            assert b"".join(answer.streaming_content)  # read to its end, a static file is closed
        return answer


@pytest.fixture
def shop(world, public_shop) -> Shop:
    return Shop(world)


# --- one answer of each kind -----------------------------------------------------------------------------------


def the_order(world: World, page: str) -> str:
    order = world.aye.order
    return reverse(f"shop:{page}", args=[world.aye.pos.slug, order.reference, order.secret])


def broken(monkeypatch, error: Exception) -> None:
    def fail(*args, **kwargs):
        raise error

    monkeypatch.setattr(programme, "programme", fail)


@pytest.fixture(scope="module")
def answers(made_world, public_shop, django_db_blocker) -> dict:
    """Return name -> response for each kind, opened once per file; the number in the name is the status."""
    with django_db_blocker.unblock(), transaction.atomic(), pytest.MonkeyPatch.context() as monkeypatch:
        found = one_of_each_kind(Shop(copy.deepcopy(made_world)), monkeypatch)
        transaction.set_rollback(True)
    return found


def one_of_each_kind(shop: Shop, monkeypatch) -> dict:
    world, home = shop.world, f"/{shop.world.aye.pos.slug}/"
    visitor, boss = world.aye.visitor, world.aye.boss
    css = shop.open(home).content.decode().split('rel="stylesheet" href="')[1].split('"')[0]
    found = {
        "200 shop": shop.open(home),
        "200 shop of a visitor": shop.open(home, user=visitor),
        "200 log-in": shop.open("/accounts/login/"),
        "200 account": shop.open(f"{home}account/", user=visitor),
        "200 cart": shop.open(f"{home}cart/"),
        "200 order": shop.open(the_order(world, "order")),
        "200 tickets": shop.open(the_order(world, "tickets_page")),
        "200 PDF": shop.open(the_order(world, "tickets_pdf")),
        "200 calendar": shop.open(the_order(world, "calendar")),
        "200 theme": shop.open(f"{home}theme/x.css"),
        "200 health": shop.open("/health/ready"),
        "200 robots": shop.open("/robots.txt"),
        "200 admin": shop.open("/admin/", user=boss),
        "200 admin list": shop.open("/admin/sales/order/", user=boss),
        "200 static": shop.open(css),
        "200 admin static": shop.open("/static/admin/css/base.css"),
        "302 to log-in": shop.open(f"{home}account/"),
        "302 admin": shop.open("/admin/"),
        "301 to https": shop.open(home, headers={"x-forwarded-proto": "http"}),
        "301 slash": shop.open(home.rstrip("/")),
        "400 host": shop.open(home, headers={"host": "evil.example"}),
        "400 body": shop.open(
            "/accounts/login/", method="POST", data=b"--", content_type="multipart/form-data"
        ),
        "403 form": shop.open(f"{home}cart/add/", method="POST"),
        "403 admin": shop.open("/admin/", user=visitor, headers={}),
        "404 page": shop.open(f"{home}events/none/"),
        "404 address": shop.open("/none/"),
        "404 admin": shop.open("/admin/sales/order/0/change/", user=boss),
        "405 method": shop.open(f"{home}cart/add/"),
        "410 link": shop.open("/links/none/"),
    }
    found["403 admin"] = shop.open("/admin/login/", user=visitor)
    monkeypatch.setattr("ticketshop.limits.limits.hit", lambda *args, **kwargs: False)
    found["429 limit"] = shop.open("/links/none/")
    broken(monkeypatch, RuntimeError("a fault"))
    found["500 fault"] = shop.open(home)
    broken(monkeypatch, OperationalError("away"))
    found["503 outage"] = shop.open(home)
    return found


def policy(answer) -> dict[str, list[str]]:
    parts = [part.split() for part in answer.headers["Content-Security-Policy"].split(";") if part.strip()]
    return {name: sources for name, *sources in parts}


def test_each_kind_of_response_has_the_security_headers(answers):
    for name, answer in answers.items():
        assert answer.status_code == int(name.split()[0]), name
        headers = answer.headers
        assert headers["X-Content-Type-Options"] == "nosniff", name
        assert headers["Referrer-Policy"] == "same-origin", name
        assert headers["Cross-Origin-Opener-Policy"] == "same-origin", name
        assert not {"Access-Control-Allow-Origin", "Server", "X-Powered-By"} & set(headers), name
        if name != "301 to https":  # a browser believes it over https only
            age, *rest = headers["Strict-Transport-Security"].split("; ")
            assert int(age.removeprefix("max-age=")) >= 365 * 24 * 3600, name
            assert "includeSubDomains" in rest, name
        kind = headers.get("Content-Type", "")
        if answer.status_code not in {301, 302} and kind.startswith("text/"):
            assert "charset=utf-8" in kind.lower().replace('"', ""), name
        if "static" not in name and name != "301 to https":
            assert_policy(policy(answer), name)
            assert headers["X-Frame-Options"] == "DENY", name
            assert headers["Permissions-Policy"], name


def assert_policy(csp: dict[str, list[str]], name: str) -> None:
    """Check that inline code, other origins and frames are forbidden."""
    for directive in ("default-src", "object-src", "base-uri", "frame-ancestors"):
        assert csp[directive] == ["'none'"], name
    for directive in ("script-src", "style-src", "img-src", "font-src", "connect-src", "form-action"):
        assert set(csp[directive]) <= {"'self'", "'none'"}, name


def test_cache_headers_match_the_kind_of_response(answers):
    public = {"200 shop", "200 theme", "200 robots", "200 static", "200 admin static"}
    for name, answer in answers.items():
        kept = answer.headers.get("Cache-Control", "")
        if name in public:
            assert kept.startswith(("public, max-age=", "max-age=")), name
        elif name != "301 to https":
            assert "no-store" in kept, name
    assert "immutable" in answers["200 static"].headers["Cache-Control"]


def test_error_pages_contain_no_internal_details(answers):
    for name in ("500 fault", "503 outage", "404 page", "400 host"):
        text = answers[name].content.decode()
        assert "<h1>" in text
        for inside in (
            "Traceback",
            "RuntimeError",
            "OperationalError",
            "a fault",
            "site-packages",
            "DATABASE",
        ):
            assert inside not in text, name
    assert answers["503 outage"].headers["Retry-After"] == "5"
    assert answers["429 limit"].headers["Retry-After"]


def test_downloads_are_attachments(shop):
    for page, mime in (("tickets_pdf", "application/pdf"), ("calendar", "text/calendar; charset=utf-8")):
        answer = shop.open(the_order(shop.world, page))
        assert answer.headers["Content-Type"] == mime
        assert answer.headers["Content-Disposition"].startswith('attachment; filename="')


# --- cookies ------------------------------------------------------------------------------------------------------


def test_cookies_are_secure_and_limited_to_the_host(shop):
    world, home = shop.world, f"/{shop.world.aye.pos.slug}/"
    page = shop.open(f"{home}events/{world.aye.event.slug}/").content.decode()
    token = page.split('name="form_token" value="')[1].split('"')[0]
    form = {
        "headers": {"origin": f"https://{HOST}"},
        "method": "POST",
        "content_type": "application/x-www-form-urlencoded",
    }
    given = {
        "__Host-csrftoken": shop.open("/accounts/login/"),
        "__Host-sessionid": shop.open(
            f"{home}cart/add/", data=f"form_token={token}&offer-{world.aye.offer.pk}=1", **form
        ),
        "__Host-language": shop.open(
            "/i18n/language/", data=f"form_token={token}&language=fr&next={home}", **form
        ),
    }
    assert given["__Host-sessionid"].cookies["__Host-sessionid"]["max-age"] == 14 * 24 * 3600
    for name, answer in given.items():
        assert answer.status_code in {200, 302}
        assert name in answer.cookies, name
        for morsel in answer.cookies.values():
            assert morsel.key.startswith("__Host-"), morsel
            assert morsel["secure"], morsel
            assert morsel["httponly"], morsel
            assert morsel["samesite"] in {"Lax", "Strict"}, morsel
            assert morsel["path"] == "/", morsel
            assert not morsel["domain"], morsel


def test_absolute_links_use_the_public_url(shop):
    answer = shop.open("/", headers={"x-forwarded-proto": "http"})
    assert answer.headers["Location"] == f"https://{HOST}/"
    # Health checks come over plain http.
    assert shop.open("/health/live", headers={"x-forwarded-proto": "http"}).status_code == 200
