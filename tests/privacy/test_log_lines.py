"""The log contains number and steps of an erasure, and nothing about the person, even after failures."""

import logging

import pytest
from django.db import IntegrityError
from django.utils import timezone

from contacts import locking
from contacts.models import Contact
from privacy.erasure import erasing
from privacy.models import Erasure
from privacy.plan import deferrals
from tests.privacy.people import Person
from tests.privacy.scanner import Needles
from ticketshop.history.models import Event
from ticketshop.lib.logs import LineFormatter

pytestmark = [pytest.mark.django_db, pytest.mark.scenario("S22")]


class Lines(logging.Handler):
    """Every line of every logger, as it is written; and its arguments, which a collector of errors would get."""

    def __init__(self):
        super().__init__(logging.DEBUG)
        self.setFormatter(LineFormatter())
        self.lines: list[str] = []

    def emit(self, record):
        if not record.name.startswith("django.db"):
            # Statements are logged by Django under DEBUG only, which the shop has no switch for.
            self.lines += [self.format(record), repr(record.args)]


@pytest.fixture
def log(monkeypatch):
    root, lines = logging.getLogger(), Lines()
    monkeypatch.setattr(root, "handlers", [lines])
    monkeypatch.setattr(root, "level", logging.DEBUG)
    for name in ("ticketshop", "ticketshop.privacy", "procrastinate"):
        logging.getLogger(name).setLevel(logging.DEBUG)
    return lines.lines


@pytest.fixture
def zoe(state) -> Person:
    return state.v.person


def traces(sought: Needles, texts: list[str]) -> set[str]:
    return {token for text in texts for token in sought.find(text)}


def ask(zoe) -> Erasure:
    return erasing.request(zoe.contact, channel="back_office", now=timezone.now())


def test_log_contains_the_steps_and_nothing_about_the_person(state, zoe, log):
    name = Contact.objects.get(pk=zoe.contact.pk).last_name
    logging.getLogger("ticketshop.test").info("so %s said", name)
    assert traces(state.sought, log), "it would be found"
    log.clear()
    done = erasing.run(ask(zoe), now=timezone.now())
    assert done.state in {"closed", "deferred"}
    said = [line.split("ticketshop.privacy ")[1] for line in log if "ticketshop.privacy " in line]
    steps = [line for line in said if str(done.uuid) in line]
    assert steps == [
        f"erasure advanced uuid={done.uuid} state={step}"
        for step in ("claimed", "emptied", "filed", done.state)
    ]
    assert traces(state.sought, log) == set()


def test_history_record_of_an_erasure_contains_no_personal_value(state, zoe):
    staff = state.a.staff
    erasing.erase(zoe.contact, by=staff, now=timezone.now())
    event = Event.objects.get(action="erased", object_id=str(zoe.contact.pk))
    assert (event.by, event.model, set(event.details)) == (staff, "contacts.contact", {"receipt"})
    texts = [f"{one.action} {one.details} {one.object_id}" for one in Event.objects.all()]
    assert len(texts) > 50 and traces(state.sought, texts) == set()


@pytest.mark.scenario("S40")
@pytest.mark.parametrize(
    "failure",
    [
        lambda name: OSError(f"no space for {name}"),
        lambda name: IntegrityError(f'violates "x"\nDETAIL:  Key (last_name)=({name}) exists.'),
    ],
    ids=["a file", "the database"],
)
def test_failure_is_noted_by_its_type_without_its_text(state, zoe, log, monkeypatch, failure):
    name = Contact.objects.get(pk=zoe.contact.pk).last_name
    error = failure(name)
    assert traces(state.sought, [str(error)]), "its text would tell"

    def fails(*_args, **_how):
        raise error

    monkeypatch.setattr(deferrals, "open_deferrals", fails)
    asked = ask(zoe)
    with pytest.raises(type(error)):
        erasing.run(asked, now=timezone.now())
    # The periodic job goes on with the others, and says the same.
    assert erasing.go_on(timezone.now()) == 0
    asked.refresh_from_db()
    assert (asked.state, asked.failure.strip()) == ("claimed", f"claimed: {type(error).__name__}")
    assert sum(f"erasure failed uuid={asked.uuid} state=claimed" in line for line in log) == 2
    assert traces(state.sought, [*log, asked.failure]) == set()


def test_refusals_contain_no_name(state, zoe):
    Contact.objects.filter(pk=zoe.contact.pk).update(erasing_at=timezone.now())
    refusals = []
    for refuse in (
        lambda: locking.lock(zoe.contact.pk),
        lambda: locking.lock_all([], needed=[zoe.contact.pk]),
    ):
        with pytest.raises(locking.Gone) as refused:
            refuse()
        refusals.append(repr(refused.value))
    assert traces(state.sought, refusals) == set()
    assert str(erasing.NotClean(["contacts.Contact"])) == "contacts.Contact"
