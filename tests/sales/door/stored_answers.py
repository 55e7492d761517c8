"""Answers of a form, stored as a sale stores them."""

from django.utils import timezone

from registration_forms import definitions
from registration_forms.answers import responses
from registration_forms.models import Field, RegistrationForm, Response
from ticketshop.sales.models import Ticket


def store(form: RegistrationForm, ticket: Ticket, values: dict[Field, str]) -> Response:
    form.refresh_from_db()
    new = responses.NewResponse(
        form.published, {question.key: value for question, value in values.items()}, ticket.order.buyer
    )
    assert set(new.answers) <= set(definitions.of_version(form.published).by_key)
    (stored,) = responses.store([new], organiser=form.organiser, language="en", now=timezone.now())
    return stored
