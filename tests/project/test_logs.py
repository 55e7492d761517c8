"""The log of a whole visit contains no personal data and no secrets."""

import logging
import re
import smtplib

import pytest
from django.core import mail
from django.db import IntegrityError, connection
from django.test import Client

from tests.factories.accounts import UserFactory
from tests.factories.organisers import make_staff
from tests.project.world import World
from tests.visitor import TestClientVisitor
from ticketshop.catalogue import programme
from ticketshop.lib.logs import LineFormatter, NoTracebackOfRefusals, RouteForPath
from ticketshop.mail import tasks
from ticketshop.mail.models import Mail
from ticketshop.sales.models import Order

pytestmark = pytest.mark.django_db
EMAIL, PASSWORD = "planted.person@planted.example", "planted wooden horse"


class Lines(logging.Handler):
    """The log as its handler writes it, from level INFO."""

    def __init__(self):
        super().__init__(logging.INFO)
        self.setFormatter(LineFormatter())
        self.addFilter(RouteForPath())
        self.addFilter(NoTracebackOfRefusals())
        self.lines: list[str] = []

    def emit(self, record):
        self.lines.append(self.format(record))


@pytest.fixture
def log(monkeypatch):
    root, lines = logging.getLogger(), Lines()
    # First in the row: a formatter before ours would leave its text of the error behind.
    monkeypatch.setattr(root, "handlers", [lines, *root.handlers])
    monkeypatch.setattr(root, "level", logging.INFO)
    logging.getLogger("procrastinate").setLevel(logging.INFO)
    return lines.lines


def work(monkeypatch) -> None:
    """Let the worker send queued mails; the mail server refuses the last one with the address in its message."""
    waiting = list(Mail.objects.filter(state="queued").order_by("pk").values_list("pk", flat=True))
    for pk in waiting[:-1]:
        tasks.send(pk)

    def refuse(*_args, **_kwargs):
        raise smtplib.SMTPRecipientsRefused({EMAIL: (550, f"no such person {EMAIL}".encode())})

    monkeypatch.setattr("django.core.mail.message.EmailMessage.send", refuse)
    tasks.send(waiting[-1])
    assert Mail.objects.get(pk=waiting[-1]).state == "failed"


def buy(world: World) -> tuple[TestClientVisitor, Order]:
    visitor = TestClientVisitor()
    visitor.add(f"/{world.aye.pos.slug}/events/{world.aye.event.slug}/", **{f"offer_{world.aye.offer.pk}": 1})
    visitor.to_details()
    visitor.give_details(
        first_name="Plantedfirst",
        last_name="Plantedlast",
        email=EMAIL,
        holders=[("Plantedholder", "Plantedtoo")],
    )
    visitor.place("bank_transfer")
    return visitor, Order.objects.latest("pk")


def test_log_history_jobs_and_counters_of_a_visit_contain_no_personal_data(world, log, monkeypatch):
    visitor, order = buy(world)
    link = f"/{world.aye.pos.slug}/orders/{order.reference}/{order.secret}"
    visitor.open(f"{link}/")
    visitor.open(f"{link}/tickets.pdf")  # 404: not paid yet
    visitor.open(f"{link}x/")
    visitor.open(f"{link}/nothing/")
    visitor.send("POST", f"{link}/cancel/", {"csrfmiddlewaretoken": "x"})
    visitor.client.get(f"/accounts/login/?next=/{EMAIL}/", headers={"host": "evil\r\n.example"})
    log_in_and_out(visitor)
    monkeypatch.setattr(programme, "programme", fault)
    visitor.client.raise_request_exception = False
    visitor.client.get(f"/{world.aye.pos.slug}/?q=Plantedfirst")
    work(monkeypatch)

    text = "\n".join(log)
    for expected in (
        "Not Found: ",
        "Forbidden",
        "log-in user=",
        "log-in refused",
        "log-out user=",
        "IntegrityError",
        "Invalid HTTP_HOST",
    ):
        assert expected in text, "presence before absence"
    secrets = [
        "lanted", EMAIL, PASSWORD, order.secret, order.reference, visitor.client.cookies["sessionid"].value,
        *order.tickets.values_list("code", flat=True), *keys_in_mails(),
    ]  # fmt: skip
    assert len(secrets) >= 8
    for secret in secrets:
        assert secret not in text
    for line in log:
        first, *rest = line.split("\n")
        assert re.match(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ [A-Z]+ ", first)
        assert all(more.startswith("    ") for more in rest)
    assert_not_in_tables(["lanted", EMAIL, order.secret, visitor.client.cookies["csrftoken"].value])


NOT_TOLD = (
    "history_event", "procrastinate_jobs", "procrastinate_events", "django_admin_log", "limits_counter", "cache_entries",
)  # fmt: skip


def assert_not_in_tables(secrets: list[str]) -> None:
    with connection.cursor() as cursor:
        texts = {}
        for table in (*NOT_TOLD, "contacts_contact"):
            cursor.execute(f"SELECT string_agg(t::text, ' ') FROM {table} t")
            texts[table] = cursor.fetchone()[0] or ""
    assert "Plantedfirst" in texts.pop("contacts_contact"), "presence before absence"
    for table, text in texts.items():
        assert text or table == "django_admin_log", table
        for secret in secrets:
            assert secret not in text, table


def log_in_and_out(visitor: TestClientVisitor) -> None:
    user = UserFactory(email=EMAIL, password=PASSWORD)
    visitor.open("/accounts/password/reset/")
    visitor.fill("^email$", {"email": EMAIL})
    visitor.open("/accounts/signup/")
    visitor.fill("^password1$", {"email": "second.planted@planted.example", "password1": PASSWORD})
    visitor.log_in(EMAIL, f"{PASSWORD} wrong")
    visitor.log_in(EMAIL, PASSWORD)
    visitor.open(f"/accounts/password/reset/key/{user.pk}-planted-key-of-a-mail/")
    visitor.open("/accounts/logout/")
    visitor.submit(visitor.page.form("logout"))


def fault(*_args, **_kwargs):
    raise IntegrityError(f'violates unique constraint "x"\nDETAIL:  Key (email)=({EMAIL}) already exists.')


def keys_in_mails() -> list[str]:
    """Return the secrets in the mailed links."""
    return [key for letter in mail.outbox for key in re.findall(r"/([\w:-]{20,})/", letter.body)]


@pytest.mark.parametrize(("path", "status"), [("/admin/privacy/erasure/", 403), ("/no/such/page/", 404)])
def test_refusal_is_one_log_line_without_a_traceback(world, log, path, status):
    box_office = make_staff(world.aye.organiser, "box office")
    client = Client()
    client.force_login(box_office)
    assert client.get(path).status_code == status
    (line,) = [line for line in log if "django.request" in line]
    assert "WARNING" in line and "Traceback" not in line and "\n" not in line


def test_server_error_is_logged_with_its_traceback():
    record = logging.LogRecord(
        "django.request", logging.ERROR, "x", 1, "fault", (), (RuntimeError, RuntimeError("broken"), None)
    )
    record.status_code = 500
    assert NoTracebackOfRefusals().filter(record) and record.exc_info is not None
