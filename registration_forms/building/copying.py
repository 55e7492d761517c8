"""Copy a form for another season."""

from django.db import transaction

from ticketshop.history import history

from ..models import Choice, Field, RegistrationForm


@transaction.atomic
def copy(form: RegistrationForm, *, name: str, by, now) -> RegistrationForm:
    """Return a new form with a copy of the draft, without published versions.

    Questions and choices keep their keys, so that exports of both forms have the same columns. Counters of limited choices
    start at zero. Later changes of one form don't change the other.
    """
    copied_form = RegistrationForm.objects.create(
        organiser=form.organiser, kind=form.kind, name=name, group_asks=form.group_asks
    )
    for field in form.fields.filter(archived_at=None).prefetch_related("choices").order_by("position", "pk"):
        choices = list(field.choices.all())
        field.pk, field._state.adding, field.form = None, True, copied_form
        field.save(force_insert=True)
        Choice.objects.bulk_create([_fresh(choice, field) for choice in choices])
    history.record(copied_form, "copied", by=by, now=now, source=form.pk)
    return copied_form


def _fresh(choice: Choice, field: Field) -> Choice:
    choice.pk, choice._state.adding, choice.field, choice.used = None, True, field, 0
    return choice
