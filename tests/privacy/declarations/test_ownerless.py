"""No row has personal data without a path to a person."""

import pytest
from django.db import connection, models, transaction
from django.utils import timezone

from privacy.declarations import ownerless, registry, subjects
from privacy.erasure import erasing
from registration_forms.models import Answer, Response
from tests.privacy import planting
from ticketshop.exports.models import Download
from ticketshop.lib.personal import ADDRESS, CONTACT, SUBJECT_UUIDS, KeepRow, LogInRows, Unless
from ticketshop.mail.models import Mail
from ticketshop.sales.models import Cart, Ticket

pytestmark = [pytest.mark.django_db, pytest.mark.scenario("S44")]


def test_no_ownerless_rows_before_and_after_an_erasure(state):
    assert ownerless.counts() == {}
    erasing.erase(state.v.person.contact, by=None, now=timezone.now())
    assert ownerless.counts() == {}


def models_of_paths() -> list[type[models.Model]]:
    """Models whose every path to a person may be empty, and whose rows do not end by themselves."""
    found = []
    for model in subjects.models_with_people():
        said = registry.declaration(model)
        if said.person is not None or registry.every_row_expires(model):
            continue
        if all(_may_be_empty(model, path) for path in said.subject):
            found.append(model)
    return found


def _may_be_empty(model, path: str) -> bool:
    column, current = None, model
    for name in path.split("__"):
        if isinstance(column, models.JSONField):
            return True
        column = current._meta.get_field(name)
        if column.null or isinstance(column, (models.CharField, models.JSONField)):
            return True
        current = column.related_model
    return "subjects" in path


def cut(model, pks: list) -> None:
    """Empty every path from these rows to a person: their own column, or, where that can't be empty, one of the row it points to."""
    for path, kind in registry.declaration(model).subject.items():
        _cut_path(model, path, kind.kind if isinstance(kind, Unless) else kind, pks)


def _cut_path(model, path: str, kind, pks: list) -> None:
    first, _, rest = path.partition("__")
    column = model._meta.get_field(first)
    if isinstance(column, models.JSONField):
        model._base_manager.filter(pk__in=pks).update(**{first: {"planted": "zq"}})
    elif rest and not column.null:
        above = list(model._base_manager.filter(pk__in=pks).values_list(f"{first}__pk", flat=True))
        _cut_path(column.related_model, rest, kind, above)
    else:
        empty = [] if kind == SUBJECT_UUIDS else "" if kind == ADDRESS else None
        model._base_manager.filter(pk__in=pks).update(**{first: empty})


# A mail names its person only by the recipient's e-mail address; a download only by the user who fetched it.
SAY_NOTHING_ELSE = {Mail, Download}


def test_row_without_any_path_to_a_person_is_found_in_each_model(state):
    """Planted rows of V, whose keys to V are taken away: found, and by the name of their model."""
    with connection.cursor() as cursor:
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
        cursor.execute("ALTER TABLE registration_forms_response DROP CONSTRAINT response_of_a_person")
        cursor.execute("ALTER TABLE sales_checkin DROP CONSTRAINT checkin_of_one")
    checked = []
    for model in models_of_paths():
        pks = [row.pk for row in planting.rows_of(model, state.v.person)]
        if not pks or model in SAY_NOTHING_ELSE:
            continue
        assert not ownerless.rows(model).exists(), model
        with transaction.atomic():
            cut(model, pks)
            assert ownerless.rows(model).filter(pk__in=pks).exists(), model
            assert ownerless.counts()[model._meta.label]
            transaction.set_rollback(True)
        checked.append(model._meta.label)
    assert {
        "registration_forms.Response",
        "registration_forms.Answer",
        "registration_forms.AnswerHistory",
    } <= set(checked)
    assert {"sales.Ticket", "sales.IssuedPass", "sales.Order"} <= set(checked)


def test_a_row_of_an_erased_contact_is_found_too(state):
    v = state.v.person.contact
    type(v).objects.filter(pk=v.pk).update(erased_at=timezone.now())
    assert ownerless.counts()["sales.Order"] == v.orders.count() > 0


def test_a_name_typed_on_the_ticket_of_an_erased_buyer_is_found(state):
    ticket = Ticket.objects.filter(order__buyer=state.v.person.contact, beneficiary=None).first()
    erasing.erase(state.v.person.contact, by=None, now=timezone.now())
    Ticket.objects.filter(pk=ticket.pk).update(holder_last_name="Somebody")
    assert ownerless.counts() == {"sales.Ticket": 1}


def test_a_cart_without_an_address_ends_by_itself(state):
    Cart.objects.update(user=None, details={"holders": {"x": {"last_name": "Somebody"}}})
    assert "sales.Cart" not in ownerless.counts()
    assert [ends.job for ends in registry.declaration(Cart).expiry] == ["sales.tidy"]


def test_every_response_has_a_person_or_is_erased(state):
    erasing.erase(state.v.person.contact, by=None, now=timezone.now())
    nobodys = Response.objects.filter(about=None)
    assert nobodys.exists() and not nobodys.filter(erased_on=None).exists()
    assert not Answer.objects.filter(response__in=nobodys, state__in=[1, 2]).exists()


def test_subject_kinds_are_all_known():
    kinds = {
        kind.kind if isinstance(kind, Unless) else kind
        for model in subjects.models_with_people()
        for kind in registry.declaration(model).subject.values()
        if not isinstance(kind, LogInRows | KeepRow)
    }
    assert kinds <= {CONTACT, ADDRESS, SUBJECT_UUIDS, "subject_uuid", "user", "signed_in"}
