"""Base of all kinds of export: their job is about a scope, which has a readable description."""

from django.db.models import Model, Q
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from contacts.models import Contact
from registration_forms.models import Choice, Field, RegistrationForm
from ticketshop.catalogue.models import Event, SeasonPass, Session, Tariff
from ticketshop.exports.kinds import Kind, Table
from ticketshop.exports.models import Job

from ..answers.search_filters import columns_of, from_json
from ..answers.search_filters import described as in_words
from . import scope as scopes
from .rows import order_state_texts
from .scope import Scope

SOURCES = {
    scopes.FORM: RegistrationForm,
    scopes.EVENT: Event,
    scopes.SESSION: Session,
    scopes.PASS: SeasonPass,
}


class ScopedKind(Kind):
    """A kind of export whose rows are selected by a ``Scope``."""

    # Where it can be requested: at these sources, and at forms of these kinds.
    sources: tuple[str, ...] = ()
    forms: tuple[str, ...] = ()

    def rows_of(self, scope: Scope) -> Table:
        """Return the rows of a scope as a table."""
        raise NotImplementedError

    def fits(self, source: str, row: Model) -> bool:
        """Return whether there is something of this kind at ``row``."""
        return row.kind in self.forms if source == scopes.FORM else source in self.sources

    def table(self, job: Job) -> Table:
        return self.rows_of(Scope.of(job))

    def may_be_kept(self, job: Job) -> bool:
        gone = Q(erasing_at__gte=job.started_at) | Q(erased_at__gte=job.started_at)
        erased = Contact.objects.filter(gone, organiser=job.organiser_id).values_list(
            "subject_uuid", flat=True
        )
        return set(job.subjects).isdisjoint(erased)

    def filters(self, job: Job) -> list[tuple[str, str]]:
        return described(job)


def described(job: Job) -> list[tuple[str, str]]:
    """Return where a job was requested and its filters as readable text: (name, value)."""
    scope = Scope.of(job)
    filters = [*_place(scope), *_filters(scope)]
    if scope.cancelled:
        filters.append((_("cancelled ones"), _("included")))
    if scope.apart:
        filters.append((_("a column for each of several choices"), _("included")))
    if scope.states:
        filters.append((_("columns that say why there is no answer"), _("included")))
    return filters


def _place(scope: Scope) -> list[tuple[str, str]]:
    if scope.source not in SOURCES:
        return []
    model = SOURCES[scope.source]
    row = model.objects.filter(pk=scope.number).first()
    return [(str(model._meta.verbose_name), str(row or ""))]


def _filters(scope: Scope) -> list[tuple[str, str]]:
    filters = []
    rows = ((_("date"), Session, scope.session), (_("tariff"), Tariff, scope.tariff))
    filters += [(label, str(model.objects.filter(pk=pk).first() or "")) for label, model, pk in rows if pk]
    if scope.listed is not None:
        number = len(scope.listed)
        text = ngettext("%(count)d that was listed", "%(count)d that were listed", number)
        filters.append((_("answers"), text % {"count": number}))
    elif scope.seen is not None:
        filters += _seen(scope)
    if scope.order_state:
        filters.append((_("state of the order"), order_state_texts().get(scope.order_state, "")))
    if scope.question:
        filters.append(_answer(scope))
    if scope.since:
        filters.append((_("changed since"), date_format(timezone.localtime(scope.since), "DATETIME_FORMAT")))
    return filters


def _seen(scope: Scope) -> list[tuple[str, str]]:
    form = RegistrationForm.objects.filter(pk=scope.number, organiser=scope.organiser).first()
    if form is None:
        return []
    columns = columns_of(form, sensitive=True)
    return in_words(form, from_json(scope.seen, columns), columns)


def _answer(scope: Scope) -> tuple[str, str]:
    """Return the label of a question and the text of a choice."""
    ours = {"form__organiser": scope.organiser, "key": scope.question}
    question = Field.objects.filter(**ours).order_by("-pk").first()
    if scope.choice in scopes.YES_NO:
        return str(question or ""), _("Yes") if scopes.YES_NO[scope.choice] else _("No")
    choice = Choice.objects.filter(field__form__organiser=scope.organiser, key=scope.choice).order_by("-pk")
    return str(question or ""), str(choice.first() or "")
