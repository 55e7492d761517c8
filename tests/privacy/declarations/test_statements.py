"""Compiled statements find the same rows as the querysets they are made of, anew for each person."""

import pytest
from django.db.models.sql.compiler import SQLCompiler
from django.utils import timezone

from contacts import contacts
from contacts.models import Contact
from privacy.declarations import registry, statements, subjects
from privacy.declarations.subjects import Subject
from privacy.plan import deferrals, planning
from tests.at_once import at_once, meet
from tests.factories.contacts import ContactFactory
from tests.privacy.office import coming_order
from ticketshop.lib.database.compiled import Parameter
from ticketshop.mail.models import Mail
from ticketshop.sales.models import Order

pytestmark = pytest.mark.django_db


def counted(subject: Subject, deferred: planning.DeferredRows) -> dict[tuple, int]:
    """Return the rows by (model, columns, whether they are deleted), counted by a compiled statement."""
    return {
        (part.model, part.columns, part.deleted): part.rows
        for part in planning.erased_rows(subject, deferred)
    }


def counted_one_by_one(subject: Subject, deferred: planning.DeferredRows) -> dict[tuple, int]:
    """Return the same, counted by the querysets themselves."""
    models = subjects.models_with_people()
    rows = {
        (model, tuple(step.columns), step.deleted): step.rows
        for model in models
        for step in planning.emptyings(model, subject, deferred)
    }
    rows |= {
        (model, (name,), False): with_files
        for model in models
        for name, with_files in planning.file_columns(model, subject)
    }
    rows |= {
        (model, (module.COLUMN,), False): module.rows(subject.contact_id)
        for model, module in registry.mentions()
    }
    return {part: number for part, queryset in rows.items() if (number := queryset.count())}


def read(contact: Contact) -> Contact:
    return Contact.objects.select_related("user", "organiser").get(pk=contact.pk)


def test_rows_of_people_are_counted_as_by_the_querysets(state):
    v, w, twin = state.v.person, state.w.person, state.twin.person
    now = timezone.now()
    Mail.objects.create(
        kind="test", recipient="elsewhere@example.org", subject_uuid=w.contact.subject_uuid, created_at=now
    )
    found = [subjects.subject_of(read(person.contact)) for person in (v, w, twin)]
    contacts.for_user(state.b.organiser, v.user, language="en", now=now)
    found.append(subjects.subject_of(read(v.contact)))
    # With a log-in and without, with one that stays, and with different numbers of addresses.
    kinds = {(subject.user_id is None, subject.user_goes, len(subject.addresses)) for subject in found}
    assert kinds == {(False, True, 3), (False, True, 4), (True, False, 1), (False, False, 3)}
    for subject in found:
        one_by_one = counted_one_by_one(subject, {})
        assert counted(subject, {}) == one_by_one
        assert len(one_by_one) > 10
        assert planning.erased_and_retained_rows(subject, {})[0] == planning.erased_rows(subject, {})


def test_deferred_rows_are_left_out_as_by_the_querysets(office):
    now = timezone.now()
    coming_order(office.pos, office.vera)
    coming_order(office.pos, office.vera, paid=False)
    coming_order(office.pos, office.wilma)
    found = {}
    for contact in (office.vera, office.wilma):
        subject = subjects.subject_of(contact)
        for bearer in (False, True):
            _found, deferred = deferrals.open_deferrals(contact, now=now, bearer=bearer)
            one_by_one = counted_one_by_one(subject, deferred)
            assert counted(subject, deferred) == one_by_one
            found[contact, bearer] = deferred.get(Order), one_by_one
    assert len(found[office.vera, False][0]) == 2 and len(found[office.wilma, False][0]) == 1
    # The unpaid order defers all the same.
    assert len(found[office.vera, True][0]) == 1 and not found[office.wilma, True][0]
    assert found[office.vera, False][1] != found[office.vera, True][1]


def test_statements_are_made_once_for_people_of_the_same_shape(office, monkeypatch):
    monkeypatch.setattr(statements, "made", {})
    vera, wilma = (subjects.subject_of(contact) for contact in (office.vera, office.wilma))
    assert vera != wilma and statements.placeholders(vera) == statements.placeholders(wilma)
    assert counted(vera, {}) and len(statements.made) == 1
    made = dict(statements.made)
    assert counted(wilma, {}) and statements.made == made
    # Without an address of their own they need another statement.
    Contact.objects.filter(pk=office.wilma.pk).update(email=None, email_key="")
    Mail.objects.filter(subject_uuid=office.wilma.subject_uuid).update(recipient="")
    assert counted(subjects.subject_of(read(office.wilma)), {}) and len(statements.made) == 2


def test_statements_beyond_the_limit_are_dropped(monkeypatch):
    monkeypatch.setattr(statements, "made", {})
    monkeypatch.setattr(statements, "MOST", 2)
    calls = []

    @statements.once_per_shape
    def make(number):
        calls.append(number)
        return f"statement {number}"

    assert [make(1), make(2), make(1)] == ["statement 1", "statement 2", "statement 1"]
    assert calls == [1, 2]
    assert make(3) == "statement 3" and len(statements.made) == 1
    assert make(1) == "statement 1" and calls == [1, 2, 3, 1]


@pytest.mark.django_db(transaction=True)
def test_statement_that_two_threads_run_first_at_once_returns_rows_to_both(monkeypatch):
    contact = ContactFactory()
    known = Contact.objects.filter(pk=Parameter("contact_id")).select_related("organiser")
    statement = statements.of(known.order_by("user__email"))
    joined = SQLCompiler.get_from_clause

    def meeting(compiler: SQLCompiler):
        # Here Django has added tables for the order to the queryset, which it takes away again afterwards.
        meet()
        return joined(compiler)

    monkeypatch.setattr(SQLCompiler, "get_from_clause", meeting)

    def read() -> list[Contact]:
        meet()
        return statement.all(contact_id=contact.pk)

    assert at_once(read, read) == [[contact], [contact]]
