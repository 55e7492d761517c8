"""The questions by which an organiser's forms collect personal data, for the pages about privacy."""

from django.db.models import Exists, OuterRef

from ticketshop.lib.personal import CollectedQuestion
from ticketshop.organisers.models import Organiser

from ..definitions import STORED_ELSEWHERE, parse
from ..field_types import TYPES
from ..models import Answer, Field, RegistrationForm


def of_organiser(organiser: Organiser) -> list[CollectedQuestion]:
    """Return every question that is asked now or that has stored answers, each once, with its purpose and retention time.

    Texts are in the active language; costs two queries. Questions whose answers are columns of the ticket or the contact, such
    as names, are left out: those columns are declared there.
    """
    forms = RegistrationForm.objects.filter(organiser=organiser).select_related("published")
    asked_now = {form.pk: _asked_now(form) for form in forms}
    stored = Answer.objects.filter(field=OuterRef("pk"), state=Answer.State.ANSWERED)
    fields = Field.objects.filter(form__organiser=organiser).exclude(system_ref__in=STORED_ELSEWHERE)
    collected: dict[CollectedQuestion, None] = {}
    for field in fields.annotate(has_answers=Exists(stored)).order_by("form_id", "position", "pk"):
        question = asked_now[field.form_id].get(field.key)
        if question is None and not field.has_answers:
            continue
        source = question or field
        item = CollectedQuestion(
            str(source) if isinstance(source, Field) else source.label,
            source.purpose,
            field.retention_days,
            source.sensitive or field.sensitive,
        )
        collected[item] = None
    return list(collected)


def _asked_now(form: RegistrationForm) -> dict:
    """Return key -> question for the questions that buyers are asked now."""
    if form.archived_at or not form.published:
        return {}
    return {
        question.key: question
        for question in parse(form.published.definition).questions
        if question.visibility != Field.Visibility.HIDDEN and TYPES[question.type].answers
    }
