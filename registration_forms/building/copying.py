"""A form for the next season: everything equal, counters at zero, keys kept."""

from django.db import transaction

from ticketshop.history import history

from ..models import Choice, Field, RegistrationForm


@transaction.atomic
def copy(form: RegistrationForm, *, name: str, by, now) -> RegistrationForm:
    """A copy of the draft. Keys are the same, so that exports line up; later edits of one do not change the other."""
    made = RegistrationForm.objects.create(
        organiser=form.organiser, kind=form.kind, name=name, group_asks=form.group_asks
    )
    for field in form.fields.filter(archived_at=None).prefetch_related("choices").order_by("position", "pk"):
        choices = list(field.choices.all())
        field.pk, field._state.adding, field.form = None, True, made
        field.save(force_insert=True)
        Choice.objects.bulk_create([_fresh(choice, field) for choice in choices])
    history.record(made, "copied", by=by, now=now, source=form.pk)
    return made


def _fresh(choice: Choice, field: Field) -> Choice:
    choice.pk, choice._state.adding, choice.field, choice.used = None, True, field, 0
    return choice
