"""What an organiser's forms collect of people, for the pages about privacy: each question with its purpose and its time."""

from django.db.models import Exists, OuterRef

from ticketshop.lib.personal import CollectedQuestion
from ticketshop.organisers.models import Organiser

from ..definitions import STORED_ELSEWHERE, parse
from ..field_types import TYPES
from ..models import Answer, Field, RegistrationForm


def of_organiser(organiser: Organiser) -> list[CollectedQuestion]:
    """Every question that is asked now or whose answers are still kept, each once, in the active language; two queries.

    What lives on the ticket or with the contact, such as a name, is none: a form only places it.
    """
    forms = RegistrationForm.objects.filter(organiser=organiser).select_related("published")
    asked = {form.pk: _asked(form) for form in forms}
    kept = Answer.objects.filter(field=OuterRef("pk"), state=Answer.State.ANSWERED)
    fields = Field.objects.filter(form__organiser=organiser).exclude(system_ref__in=STORED_ELSEWHERE)
    found: dict[CollectedQuestion, None] = {}
    for field in fields.annotate(kept=Exists(kept)).order_by("form_id", "position", "pk"):
        question = asked[field.form_id].get(field.key)
        if question is None and not field.kept:
            continue
        words = question or field
        one = CollectedQuestion(
            str(words) if isinstance(words, Field) else words.label,
            words.purpose,
            field.retention_days,
            words.sensitive or field.sensitive,
        )
        found[one] = None
    return list(found)


def _asked(form: RegistrationForm) -> dict:
    """Key -> question of what buyers are asked now."""
    if form.archived_at or not form.published:
        return {}
    return {
        question.key: question
        for question in parse(form.published.definition).questions
        if question.visibility != Field.Visibility.HIDDEN and TYPES[question.type].answers
    }
