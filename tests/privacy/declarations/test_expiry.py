"""Rows with personal data expire without a request: the job of each rule of ``expiry`` erases them, and no model lacks an end."""

from datetime import timedelta
from pathlib import Path

import pytest
from allauth.account.models import EmailAddress
from django.db import models
from django.utils import timezone
from procrastinate.contrib.django import app

from accounts.models import User
from contacts.models import Contact, ContactLink
from privacy.declarations import expiry, expiry_table, registry, subjects
from tests.factories.accounts import UserFactory
from tests.privacy import planting
from tests.privacy.state import State
from ticketshop.catalogue.models import Session
from ticketshop.lib.personal import LastUse
from ticketshop.limits import limits
from ticketshop.limits.models import Counter
from ticketshop.mail.models import Mail
from ticketshop.sales.models import BankEntry, IssuedPass, Order
from ticketshop.submissions.models import KeptSubmission

pytestmark = [pytest.mark.django_db, pytest.mark.scenario("S45")]
LONG_AGO = timedelta(days=11 * 365)
(NOTE,) = (Path(__file__).resolve().parents[3] / "ticketshop/decisions").glob("*-what-ends-when.md")
ALL = [
    pytest.param(model, ends, id=f"{model._meta.label} {number} by {ends.job}")
    for model in registry.installed_models()
    for number, ends in enumerate(registry.declaration(model).expiry)
]


def rows_for(state: State, model, ends) -> list:
    """Return the keys of rows that the rule concerns: of V, or new rows if V has none."""
    if model is User:
        # Never proved, and proved but known to no organiser.
        users = [UserFactory(), UserFactory()]
        EmailAddress.objects.filter(user=users[0]).update(verified=False)
        return [user.pk for user in users if User.objects.filter(ends.where, pk=user.pk).exists()]
    if model is Counter:
        limits.hit("data_ask", "a network", timezone.now())
        return list(Counter.objects.values_list("pk", flat=True))
    if model is KeptSubmission:
        kept = KeptSubmission(address="/", expires_at=timezone.now() + timedelta(hours=1))
        kept.save()
        return [kept.pk]
    if model is Contact and isinstance(ends.since, str):
        # A child with an address: one without is erased when no list contains it.
        links = ContactLink.objects.filter(parent=state.v.person.contact, child__user=None)
        return [links.exclude(child__email_key="").first().child_id]
    if model is Contact:
        return [state.v.person.contact.pk]
    if model is BankEntry and ends.since == "booked_on":
        # The rule is about payments that nobody has dealt with.
        planting.rows_of(model, state.v.person).update(state=BankEntry.State.OPEN)
    return list(planting.rows_of(model, state.v.person).filter(ends.where).values_list("pk", flat=True))


def make_due(model, ends, pks: list) -> None:
    """Move what the time counts from into the past."""
    then = timezone.now() - LONG_AGO
    if isinstance(ends.since, LastUse):
        Order.objects.update(placed_at=then)
        Session.objects.update(starts_at=then, ends_at=then + timedelta(hours=2))
        IssuedPass.objects.update(valid_from=then.date(), valid_until=then.date(), state="used")
        User.objects.update(last_login=then)
        ContactLink.objects.update(status="ended", ended_at=then)
        Contact.objects.filter(pk__in=pks).update(created_at=then)
    elif model is EmailAddress:
        Mail.objects.update(created_at=then)
        for user in User.objects.filter(emailaddress__in=pks):
            EmailAddress.objects.get_or_create(
                user=user, email=user.email, defaults={"verified": True, "primary": True}
            )
    else:
        for path in (ends.since,) if isinstance(ends.since, str) else ends.since:
            set_at(model, path, pks, then)
    if isinstance(ends.days, str):
        set_at(model, ends.days, pks, 30)


def set_at(model, path: str, pks: list, value) -> None:
    first, _, rest = path.partition("__")
    rows = model._base_manager.filter(pk__in=pks)
    if rest:
        above = model._meta.get_field(first).related_model
        set_at(above, rest, list(rows.values_list(f"{first}__pk", flat=True)), value)
        return
    column = model._meta.get_field(first)
    is_a_day = isinstance(column, models.DateField) and not isinstance(column, models.DateTimeField)
    rows.update(**{first: value.date() if is_a_day else value})


@pytest.fixture
def kept_state(state) -> State:
    """The state without people whose day has come: their rows would end with them, whatever the rule of these rows."""
    today = timezone.localdate()
    assert Contact.objects.filter(purge_after__lte=today).update(purge_after=today + timedelta(days=9)) > 1
    return state


@pytest.mark.parametrize(("model", "ends"), ALL)
def test_rows_expire_by_their_job_after_their_period(kept_state, model, ends):
    pks = rows_for(kept_state, model, ends)
    assert pks, "nothing was there to end"
    there = model._base_manager.filter(pk__in=pks).filter(expiry.has_remaining(model))
    if not subjects_of(model):
        there = model._base_manager.filter(pk__in=pks)
    assert there.exists()
    make_due(model, ends, pks)
    app.tasks[ends.job].func(0)
    assert not there.exists(), list(there)[:3]


def subjects_of(model) -> bool:
    return bool(registry.declaration(model).subject)


def test_rows_stay_before_the_end_of_their_period(kept_state):
    """The rows of all rules at once: a job that erases one of another rule fails here, too."""
    rules = [rule.values for rule in ALL]
    pks = [rows_for(kept_state, *rule) for rule in rules]
    for (model, ends), of_rule in zip(rules, pks, strict=True):
        if isinstance(ends.days, str):
            set_at(model, ends.days, of_rule, 3650)
        for path in ends.since if isinstance(ends.since, tuple) else [ends.since]:
            if isinstance(path, str):
                set_at(model, path, of_rule, timezone.now() + timedelta(days=3))
        if model is EmailAddress:
            for address in EmailAddress.objects.filter(pk__in=of_rule):
                Mail.objects.create(
                    kind="account_confirm", recipient=address.email, created_at=timezone.now()
                )
    for job in {ends.job for _model, ends in rules}:
        app.tasks[job].func(0)
    for (model, ends), of_rule in zip(rules, pks, strict=True):
        there = model._base_manager.filter(pk__in=of_rule)
        assert there.count() == len(of_rule) > 0, (model, ends.job)
        assert there.filter(expiry.has_remaining(model)).exists() or not subjects_of(model), model


def test_every_model_with_people_expires_or_ends_with_a_contact():
    for model in subjects.models_with_people():
        assert expiry_table.endings(model), f"{model._meta.label} stays for ever"


def test_model_without_an_end_has_no_endings(monkeypatch):
    """Mails without a contact have no end without their own rule."""
    assert expiry_table.endings(Mail) and expiry_table.endings(Order)
    declared = registry.declaration

    def without(model):
        said = declared(model)
        return registry.replace(said, expiry=()) if model in (Mail, Contact) else said

    monkeypatch.setattr(registry, "declaration", without)
    assert expiry_table.endings(Mail) == []
    assert expiry_table.endings(Order) == [], "the buyer has no end any more"


def test_decision_note_contains_the_table_of_the_declarations():
    written = NOTE.read_text(encoding="utf-8")
    table = expiry_table.as_markdown()
    assert table in written, f"The table of the note is another one now:\n\n{table}"
