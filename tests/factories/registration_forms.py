"""Forms: ``make_form`` creates one, ``ask`` adds a question to its draft."""

from django.utils import timezone

from registration_forms import definitions
from registration_forms.answers import responses
from registration_forms.building import publishing
from registration_forms.models import Choice, Field, FormVersion, RegistrationForm
from ticketshop.lib.database import writing

from .contacts import ContactFactory
from .organisers import OrganiserFactory


def make_form(kind: str = "tariff", *, organiser=None, name: str = "Who comes", **values) -> RegistrationForm:
    """Return a draft without questions."""
    form = RegistrationForm(organiser=organiser or OrganiserFactory(), kind=kind, name=name, **values)
    writing.insert([form])
    return form


def ask(form: RegistrationForm, label: str = "Name", type: str = "text", *, choices=(), **values) -> Field:
    """Add a question after the others and return it. ``choices`` are labels, or pairs of label and number of places."""
    values.setdefault("position", form.fields.count() + 1)
    field = Field(form=form, label=label, type=type, **values)
    writing.insert([field])
    pairs = [choice if isinstance(choice, tuple) else (choice, None) for choice in choices]
    rows = [
        Choice(field=field, label=text, capacity=capacity, position=position)
        for position, (text, capacity) in enumerate(pairs, 1)
    ]
    if rows:
        writing.insert(rows)
    return field


def only_if(field: Field, value=None, op: str = "is") -> dict:
    """Return the condition “only if ``field`` is ``value``”."""
    term = {"field": field.key, "op": op}
    return {"all": [term if value is None else {**term, "value": value}]}


def publish(form: RegistrationForm) -> FormVersion:
    version = publishing.publish(form, by=None, now=timezone.now())
    form.refresh_from_db()
    return version


def freeze(form: RegistrationForm) -> FormVersion:
    """Publish the draft without checks, as earlier releases did."""
    definition, last = definitions.build(form), form.versions.count()
    version = FormVersion.objects.create(
        form=form,
        number=last + 1,
        published_at=timezone.now(),
        definition=definition,
        sha256=definitions.sha256(definition),
    )
    RegistrationForm.objects.filter(pk=form.pk).update(published=version)
    form.refresh_from_db()
    return version


def make_given(
    version: FormVersion, answers: dict, about: int | None = None, **values
) -> responses.NewResponse:
    """Return answers to be stored, about ``about`` or a new contact of the form's organiser."""
    about = about or ContactFactory(organiser=version.form.organiser).pk
    return responses.NewResponse(version, answers, about, **values)
