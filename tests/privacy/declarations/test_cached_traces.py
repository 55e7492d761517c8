"""All planted values are found before an erasure and none afterwards; other people's data do not change."""

import logging
from datetime import timedelta

import pytest
from django.core import mail
from django.db import connection
from django.db.models import F, Q
from django.test import Client
from django.utils import timezone
from procrastinate.contrib.django.models import ProcrastinateJob

from accounts.models import Session as BrowserSession
from contacts.models import Contact
from privacy.declarations import registry
from privacy.erasure import erasing, statistics
from privacy.models import Erasure
from tests.factories.accounts import PASSWORD
from tests.privacy import people, planting, scanner
from tests.privacy.changes import Explained, between, money
from tests.privacy.people import Person
from tests.privacy.planting import Planted
from tests.privacy.scanner import Hit
from tests.privacy.state import State, make_state
from ticketshop.catalogue.models import Session
from ticketshop.mail.models import Mail
from ticketshop.sales.models import Order, Ticket

pytestmark = pytest.mark.django_db


def erase(state: State) -> Erasure:
    """As staff do; the jobs that were queued for afterwards run too."""
    erasure = erasing.erase(state.v.person.contact, by=state.a.staff, now=timezone.now())
    for job in ProcrastinateJob.objects.filter(task_name="privacy.analyse"):
        statistics.analyse(**job.args)
    return erasure


def rows_of(planted: Planted) -> set[tuple[str, str]]:
    """(table, row) of everything planted of one person, and (file, "")."""
    rows = {(cell.model._meta.db_table, str(cell.pk)) for cell in planted.cells}
    return rows | {(f"file:exports/{name}", "") for _storage, name in planted.files}


def where(hit: Hit) -> tuple[str, str]:
    return (hit.place if hit.place.startswith("file:") else hit.place.partition(".")[0]), hit.row


# --- presence first ---------------------------------------------------------------------------------------------


@pytest.mark.scenario("S44")
def test_every_erasable_column_is_planted(state):
    assert set(state.v.unplanted) == set(planting.NEVER_THERE)


def test_every_token_is_found_where_it_was_planted(state):
    found = scanner.scan(state.sought)
    assert {token.name for token in state.v.tokens} - {hit.token for hit in found} == set()
    for cell in state.v.cells:
        if cell.token:
            place = f"{cell.model._meta.db_table}.{cell.model._meta.get_field(cell.column).column}"
            assert Hit(place, str(cell.pk), cell.token) in found
    # What the database makes of the columns, and what the program keeps beside its tables.
    places = {hit.place for hit in found}
    assert {"contacts_contact.search", "contacts_contact.sort_key"} <= places
    assert {"accounts_session.session_data", "mail_mail.recipient", "sales_cart.details"} <= places


# --- and then nothing -------------------------------------------------------------------------------------------


@pytest.mark.scenario("S01", "S05", "S19", "S22", "S23", "S24", "S25", "S26")
def test_nothing_planted_is_left_after_an_erasure(state, caplog):
    caplog.set_level(logging.DEBUG)
    mail.outbox.clear()
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE")
    assert len({hit.row for hit in scanner.scan_statistics(state.sought)}) > 10
    erasure = erase(state)
    assert erasure.state == Erasure.State.CLOSED
    found = scanner.scan(state.sought)
    # The address alone is known to B too: the expected remainder, where it was and nowhere else.
    assert {
        hit for hit in found if where(hit) not in rows_of(state.twin) and hit.place != "pg_stats"
    } == set()
    assert {hit.token for hit in found} == {"v address"}
    assert [cell.declared for cell in state.v.left()] == []
    said = [record.getMessage() for record in caplog.records] + [caplog.text]
    assert caplog.records
    assert scanner.scan_texts(state.sought, "log", said) == set()
    assert mail.outbox == []


@pytest.mark.scenario("S04", "S09")
def test_rows_of_others_do_not_change(state):
    """Over-erasure is a failure too: every value of the database that changed was V's and declared to go."""
    explained, before, books = Explained(state.v.person), scanner.snapshot(), money()
    vs = rows_of(state.v)
    others = {hit for hit in scanner.scan_database(state.others, before) if where(hit) not in vs}
    erase(state)
    after = scanner.snapshot()
    changes = between(before, after)
    assert len(changes) > 100
    assert explained.leaves_open(changes) == set()
    assert {hit for hit in scanner.scan_database(state.others, after) if where(hit) not in vs} == others
    assert others
    assert len(books) > 20
    assert money() == books
    for planted in (state.w, state.twin):
        mine = [cell for cell in planted.cells if (cell.model._meta.db_table, str(cell.pk)) not in vs]
        assert mine
        assert planting.as_planted(mine) == mine


# --- the expected remainder -------------------------------------------------------------------------------------


@pytest.mark.scenario("S29")
def test_deferred_columns_stay_until_the_deferral_ends(state, settings):
    """A session of V's is still to come: its orders know the buyer until the day after, all else is gone at once."""
    now = timezone.now()
    order = Order.objects.filter(
        buyer=state.v.person.contact, state="paid", tickets__line__tariff_name="Adult"
    ).first()
    ends = now + timedelta(days=3)
    Session.objects.filter(tickets__order=order).update(starts_at=now + timedelta(days=2), ends_at=ends)
    erasure = erase(state)
    assert erasure.state == Erasure.State.DEFERRED
    left = state.v.left()
    # Each wait names its row; what it holds besides are the order, its answers and the person.
    waiting = {(one["model"], one["pk"]) for one in erasure.deferred}
    tickets = Ticket.objects.filter(session__ends_at=ends, state="valid").filter(
        Q(beneficiary=None) | Q(beneficiary=F("order__buyer")), order__buyer=state.v.person.contact
    )
    assert waiting == {("sales.Ticket", pk) for pk in tickets.values_list("pk", flat=True)}
    assert waiting
    about = {
        "contacts.Contact": {state.v.person.contact.pk},
        "sales.Ticket": {pk for _model, pk in waiting},
        "sales.Order": set(tickets.values_list("order", flat=True)),
        "registration_forms.Response": set(tickets.values_list("response", flat=True))
        | set(tickets.values_list("order__responses__response", flat=True)),
    }
    rows = {(cell.model._meta.label, cell.pk) for cell in left}
    answers = {(label, pk) for label, pk in rows if label.startswith("registration_forms.Answer")}
    assert rows - answers == {(label, pk) for label, pks in about.items() for pk in pks if pk is not None}
    for cell in left:
        if (cell.model._meta.label, cell.pk) in answers and hasattr(cell.model, "response"):
            assert (
                cell.model._base_manager.get(pk=cell.pk).response_id in about["registration_forms.Response"]
            )
    who = {cell.column for cell in left if cell.model is Contact}
    assert who == {"first_name", "last_name", "email", "email_key", "language"}
    # A day after the session the job closes the erasure without a click, and no trace is left.
    erasing.go_on(ends + timedelta(days=1, hours=1))
    erasure.refresh_from_db()
    assert erasure.state == Erasure.State.CLOSED
    assert [cell.declared for cell in state.v.left()] == []
    assert {hit.token for hit in scanner.scan(state.sought) if hit.place != "pg_stats"} == {"v address"}


def share_log_in(state: State) -> None:
    """Let B know the twin by V's log-in, which has a past at B, too."""
    v, twin = state.v.person, state.twin.person
    v.log_in_goes = twin.log_in_goes = False
    twin.user = v.user
    at_b, blocked_at = Contact.objects.filter(pk=twin.contact.pk), twin.contact.blocked_at
    at_b.update(user=v.user, blocked_at=None)
    twin.contact.refresh_from_db()
    # It can be ordered once more.
    later = timezone.now() + timedelta(days=9)
    Session.objects.filter(event__organiser=state.b.organiser).update(
        starts_at=later, ends_at=later + timedelta(hours=2)
    )
    people.use_log_in(twin)
    at_b.update(blocked_at=blocked_at)


def rows_found(person: Person) -> set[tuple[str, str]]:
    """Return (table, row) of the person's rows in all models."""
    return {
        (model._meta.db_table, str(row.pk))
        for model in registry.installed_models()
        for row in planting.rows_of(model, person).only("pk")
    }


@pytest.mark.scenario("S09", "S23")
def test_log_in_of_another_organiser_stays_and_is_logged_out(state):
    """``make soak`` has a log-in with data of all kinds at both."""
    share_log_in(state)
    v, user = state.v.person, state.v.person.user
    explained, before, of_v = Explained(v), scanner.snapshot(), rows_found(v)
    of_b, known_to_b = rows_found(state.twin.person), state.twin.left()
    assert len(known_to_b) > 500
    clients = v.clients + state.twin.person.clients
    assert BrowserSession.objects.filter(user=user).count() >= len(clients) == 6
    assert clients[0].get(f"/{state.b.pos.slug}/account/profile/").status_code == 200
    erase(state)
    assert explained.leaves_open(between(before, scanner.snapshot())) == set()
    # What was the log-in's stays with it; all else of V is erased, apart from what B knows.
    left = {(cell.model._meta.db_table, str(cell.pk)) for cell in state.v.left()}
    assert left & of_v == set()
    assert ("accounts_user", str(user.pk)) in left
    left.add(("account_emailaddress", str(user.emailaddress_set.get().pk)))
    found = {hit for hit in scanner.scan(state.sought) if hit.place != "pg_stats"}
    assert {hit for hit in found if where(hit) not in rows_of(state.twin) | of_b | left} == set()
    check_logged_out(state, clients)
    assert state.twin.left() == known_to_b


def check_logged_out(state: State, clients: list[Client]) -> None:
    """Check that V is logged out everywhere, and finds what B knows after a new log-in."""
    user, page = state.v.person.user, f"/{state.b.pos.slug}/account/profile/"
    assert not BrowserSession.objects.filter(user=user).exists()
    assert {client.get(page).status_code for client in clients} == {302}
    again = Client()
    answer = again.post("/accounts/login/", {"login": user.email, "password": PASSWORD})
    assert answer.status_code == 302
    street = Contact.objects.get(pk=state.twin.person.contact.pk).street
    assert street and street in again.get(page).content.decode()


@pytest.mark.soak
@pytest.mark.scenario("S09", "S23")
def test_log_in_with_data_of_all_kinds_at_another_organiser_stays_and_is_logged_out(db):
    state = make_state(shared_log_in=True, number=1)
    user, explained, before = state.v.person.user, Explained(state.v.person), scanner.snapshot()
    assert BrowserSession.objects.filter(user=user).count() >= 3
    assert state.v.person.clients[0].get(f"/{state.b.pos.slug}/account/profile/").status_code == 200
    erase(state)
    assert explained.leaves_open(between(before, scanner.snapshot())) == set()
    assert [cell.declared for cell in state.v.left()] == []
    # The address is B's by now, the log-in's, and of mails that no house sent.
    mine = {("accounts_user", str(user.pk))}
    mine |= {("account_emailaddress", str(pk)) for pk in user.emailaddress_set.values_list("pk", flat=True)}
    mine |= {
        ("mail_mail", str(pk)) for pk in Mail.objects.filter(organiser=None).values_list("pk", flat=True)
    }
    left = {hit for hit in scanner.scan(state.sought) if where(hit) not in rows_of(state.twin) | mine}
    assert {hit for hit in left if hit.place != "pg_stats"} == set()
    check_logged_out(state, state.v.person.clients)
    left = state.twin.left()
    lost = {cell.model._meta.label for cell in state.twin.cells if cell not in left}
    # All log-in sessions end, and an e-mail address that was never confirmed is deleted; nothing else changes.
    assert lost == {
        "accounts.Session",
        "account.EmailAddress",
        "account.EmailConfirmation",
        "submissions.KeptSubmission",
    }
