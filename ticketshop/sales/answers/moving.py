"""Answers that follow their tickets in an exchange: to another date, or to a tariff with another form."""

from collections import Counter
from collections.abc import Mapping
from datetime import date, datetime

from django.utils.formats import date_format
from django.utils.translation import gettext as _

from registration_forms import definitions
from registration_forms.answers import responses
from registration_forms.field_types.birth_date import bounds
from registration_forms.models import FormVersion, Response
from ticketshop.lib import translated

from ..models import Order, OrderResponse, Ticket


def form_to_ask(ticket: Ticket) -> FormVersion | None:
    """Return the published version of the form that the tariff of a ticket asks now; None without one."""
    form = ticket.line.offer.tariff.form
    return form.published if form is not None and form.archived_at is None else None


def too_young_or_old(response: Response, day: date) -> list[str]:
    """Return a sentence for each date of birth in a response that does not fit the ages of its question on ``day``."""
    sentences = []
    for answer in responses.answers_of([response.pk])[response.pk].values():
        question = responses.question_of(answer, response)
        if question is None or question.type != "birth_date":
            continue
        first, last = bounds(question.rules.get("age_from"), question.rules.get("age_until"), day)
        if not first <= responses.value_of(answer) <= last:
            text = _(
                "“%(question)s” allows other ages on %(day)s than this person has. Choose another tariff or date."
            )
            sentences.append(
                translated.compose(text, question=question.label, day=date_format(day, "DATE_FORMAT"))
            )
    return sentences


def move_to(old: Ticket, new: Ticket, *, ends_at: datetime) -> None:
    """Give the response of ``old``, with its version and history, to ``new``, whose tariff has the same form."""
    response = old.response
    Ticket.objects.filter(pk=old.pk).update(response=None)
    Ticket.objects.filter(pk=new.pk).update(response=response)
    Response.objects.filter(pk=response.pk).update(relevant_until=ends_at)
    old.response, new.response = None, response


def same_questions(response: Response, version: FormVersion) -> Mapping[str, object]:
    """Return key -> answer, for answers whose question ``version`` asks too: same key, same type, and the chosen choices exist.

    A consent was given to the words of one form, so it does not follow.
    """
    definition, kept = definitions.of_version(version), {}
    for key, answer in responses.answers_of([response.pk])[response.pk].items():
        question, value = definition.question(key), responses.value_of(answer)
        if question is None or question.type != answer.field.type or question.type == "consent":
            continue
        chosen = value if isinstance(value, list) else [value]
        if question.options and not {option.key for option in question.options}.issuperset(chosen):
            continue
        kept[key] = value
    return kept


def copy_to(old: Ticket, new: Ticket, version: FormVersion, *, now: datetime) -> Counter:
    """Store the answers of ``old`` that another form asks too as the response of ``new``. Return choice id -> places taken.

    Questions without an answer are owed, as those of a form that was added after the sale.
    """
    response = old.response
    given = responses.NewResponse(
        version,
        same_questions(response, version),
        response.about,
        new.session.ends_at,
        later=True,
    )
    (stored,) = responses.store([given], organiser=new.order.organiser, language=response.language, now=now)
    Ticket.objects.filter(pk=new.pk).update(response=stored)
    new.response = stored
    return responses.chosen([stored])


def copy_order_responses(old: Order, new: Order, *, ends_at: datetime, now: datetime) -> Counter:
    """Give the new order the answers to the order forms of the old one, which keeps them. Return choice id -> places taken."""
    taken: Counter = Counter()
    rows = OrderResponse.objects.filter(order=old, response__void=False, response__erased_on=None)
    for row in rows.select_related("response__version", "response__about").order_by("pk"):
        response = row.response
        given = responses.NewResponse(response.version, responses.read(response), response.about, ends_at)
        (stored,) = responses.store([given], organiser=new.organiser, language=response.language, now=now)
        OrderResponse.objects.create(order=new, response=stored, title=row.title, in_profile=row.in_profile)
        taken += responses.chosen([stored])
    return taken
