"""The list of erasures, with the page of each: the open request with its buttons, afterwards the receipt."""

from datetime import datetime

from django import forms
from django.contrib import admin, messages
from django.db.models import Q
from django.urls import path
from django.utils import timezone
from django.utils.html import format_html
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from ticketshop.history import history
from ticketshop.lib.values import references
from ticketshop.office.buttons import Button, Elsewhere, Outcome
from ticketshop.office.scoped_admin import ReadOnlyAdmin
from ticketshop.office.sections import NONE
from ticketshop.submissions import saved_forms

from ..erasure import due_dates
from ..models import Erasure
from . import erase_page, tables

State = Erasure.State


# --- buttons ----------------------------------------------------------------------------------------------------
def _is_open_request(erasure: Erasure) -> bool:
    return erasure.state == State.CONFIRMED and erasure.contact_id is not None


def _has_copies(erasure: Erasure) -> bool:
    return erasure.copies_deleted_at is None and bool(tables.downloads(erasure.subject_uuid).rows)


def _copies_question(erasure: Erasure) -> list[str]:
    return [
        _(
            "The lists that were downloaded are deleted, on every computer and in every mailbox they were sent to."
        )
    ]


def _copies_deleted(request, erasure: Erasure, now: datetime) -> Outcome:
    updated = Erasure.objects.filter(pk=erasure.pk, copies_deleted_at=None).update(copies_deleted_at=now)
    if not updated:
        return messages.WARNING, _("That was noted already. Nothing has changed.")
    history.record(erasure, "copies_deleted", by=request.user, now=now, organiser_id=erasure.organiser_id)
    return messages.SUCCESS, _("Noted.")


def _due_note(erasure: Erasure) -> list[str]:
    if erasure.due_at is None:
        return []
    day = {"day": tables.day(erasure.due_at)}
    if due_dates.is_overdue(erasure, timezone.now()):
        return [_("The answer was due by %(day)s: it is overdue. Erase, or refuse and say why.") % day]
    return [_("The answer is due by %(day)s.") % day]


LOOK = Elsewhere(
    "admin:privacy_erasure_person",
    gettext_lazy("See what is erased, and erase"),
    (erase_page.ERASE,),
    _is_open_request,
    serious=True,
    about="contact_id",
)
COPIES = Button(
    "copies-deleted",
    gettext_lazy("The downloaded lists are deleted"),
    ("privacy.manage_request",),
    _has_copies,
    _copies_question,
    _copies_deleted,
)


class ExtendForm(forms.Form):
    """The reason for an extension."""

    reason = forms.ChoiceField(
        label=gettext_lazy("Why"), choices=Erasure.Extension.choices, widget=forms.RadioSelect
    )

    def __init__(self, data, row: Erasure):
        super().__init__(data)


class RefuseForm(forms.Form):
    """The reason for a refusal."""

    reason = forms.ChoiceField(
        label=gettext_lazy("Why"), choices=Erasure.Refusal.choices, widget=forms.RadioSelect
    )

    def __init__(self, data, row: Erasure):
        super().__init__(data)


def _may_extend(erasure: Erasure) -> bool:
    return due_dates.may_extend(erasure, timezone.now())


def _extend_question(erasure: Erasure) -> list[str]:
    until = due_dates.due(erasure.organiser, erasure.confirmed_at or timezone.now(), due_dates.EXTENDED)
    return [
        _("The answer is then due by %(day)s. This is possible once.") % {"day": tables.day(until)},
        _("The person gets an e-mail with the new day and the reason."),
    ]


def _extend(request, erasure: Erasure, now: datetime, entered: dict) -> Outcome:
    if not due_dates.extend(erasure, entered["reason"], now=now):
        return messages.WARNING, _("That is not possible any more. Nothing has changed.")
    history.record(erasure, "extended", by=request.user, now=now, organiser_id=erasure.organiser_id)
    return messages.SUCCESS, _("There is more time, and the person is told.")


def _refuse_question(erasure: Erasure) -> list[str]:
    return [
        _("Nothing is erased, and the request is closed."),
        _("The person gets an e-mail with the reason. It also says where they can complain."),
    ]


def _refuse(request, erasure: Erasure, now: datetime, entered: dict) -> Outcome:
    if not due_dates.refuse(erasure, entered["reason"], by=request.user, now=now):
        return messages.WARNING, _("That is not possible any more. Nothing has changed.")
    history.record(erasure, "refused", by=request.user, now=now, organiser_id=erasure.organiser_id)
    return messages.SUCCESS, _("The request is refused, and the person is told.")


EXTEND = Button(
    "extend",
    gettext_lazy("Take more time"),
    ("privacy.manage_request",),
    _may_extend,
    _extend_question,
    _extend,
    form=ExtendForm,
)
REFUSE = Button(
    "refuse",
    gettext_lazy("Refuse"),
    ("privacy.manage_request",),
    _is_open_request,
    _refuse_question,
    _refuse,
    form=RefuseForm,
)


class Overdue(admin.SimpleListFilter):
    """Filter for requests that are overdue."""

    title = gettext_lazy("due")
    parameter_name = "due"

    def lookups(self, request, model_admin):
        return [("overdue", _("overdue"))]

    def queryset(self, request, queryset):
        if self.value() != "overdue":
            return queryset
        return queryset.filter(state=State.CONFIRMED, due_at__lt=timezone.now())


@admin.register(Erasure)
class ErasureAdmin(ReadOnlyAdmin):
    """Erasures that are confirmed, or requested by staff; read only but for the buttons."""

    list_display = [
        "receipt",
        "state",
        "channel",
        "asked_on",
        "due_on",
        "waits_until",
        "done_on",
        "failed_at",
    ]
    list_filter = ["state", "channel", Overdue]
    ordering = ["-pk"]
    search_fields = ["receipt"]
    search_help_text = gettext_lazy("The code on a receipt.")
    buttons = (LOOK, EXTEND, REFUSE, COPIES)
    fields = [
        "receipt",
        "state",
        "channel",
        "reason",
        "bearer",
        "done_by",
        "requested_at",
        "due_on",
        "extended_for",
        "refused_for",
        "claimed_at",
        "verified_at",
        "closed_at",
    ]
    readonly_fields = fields

    def get_urls(self):
        view = saved_forms.shows_saved_form(self.admin_site.admin_view(self.person_view))
        return [path("person/<int:contact_id>/", view, name="privacy_erasure_person"), *super().get_urls()]

    def person_view(self, request, contact_id):
        """Show the preview of an erasure; erase on POST."""
        return erase_page.page(self, request, contact_id)

    def get_queryset(self, request):
        # A request counts once the visitor has proved the mailbox.
        return super().get_queryset(request).filter(confirmed_at__isnull=False)

    def get_search_results(self, request, queryset, search_term):
        condition = Q(pk__in=[])
        for receipt in references.readings(search_term.replace("\x00", "")[:200]):
            condition |= Q(receipt__startswith=receipt)
        return (queryset.filter(condition) if search_term.strip() else queryset), False

    @admin.display(description=gettext_lazy("asked"))
    def asked_on(self, erasure):
        return tables.day(erasure.requested_at)

    @admin.display(description=gettext_lazy("answer due by"))
    def due_on(self, erasure):
        if erasure.due_at is None:
            return NONE
        if due_dates.is_overdue(erasure, timezone.now()):
            return format_html(
                '<strong class="overdue">{} – {}</strong>', tables.day(erasure.due_at), _("overdue")
            )
        return tables.day(erasure.due_at)

    @admin.display(description=gettext_lazy("the rest goes at the latest on"))
    def waits_until(self, erasure):
        if erasure.state != State.DEFERRED:
            return NONE
        return tables.latest(erasure)

    @admin.display(description=gettext_lazy("done"))
    def done_on(self, erasure):
        return tables.day(erasure.closed_at)

    @admin.display(description=gettext_lazy("done by"))
    def done_by(self, erasure):
        return erasure.by.email if erasure.by else NONE

    @admin.display(description=gettext_lazy("failed at"))
    def failed_at(self, erasure):
        return erasure.failure or NONE

    def notes(self, request, row):
        if row.failure:
            return [
                _("A step has failed (%(step)s). It is tried again by itself every five minutes; the person is not erased yet.") % {"step": row.failure}
            ]  # fmt: skip
        if row.state in Erasure.RUNNING:
            return [_("The erasure is running. Look again in a moment.")]
        if row.state == State.DEFERRED:
            return [_("Everything is erased but what still waits. It goes by itself when that is over.")]
        if row.state == State.CONFIRMED:
            return [_("The person has asked for it. Nothing is erased yet."), *_due_note(row)]
        return []

    def links(self, request, row):
        return [(_("Look again"), request.path)] if row.state in Erasure.RUNNING else []

    def sections(self, request, row):
        if row.state in (*Erasure.OPEN, State.REFUSED, State.WITHDRAWN):
            return []
        copies = tables.downloads(row.subject_uuid, row.copies_deleted_at)
        more = (tables.of_companions(row), tables.of_later_companions(row), copies)
        return [*tables.of_record(row), *(section for section in more if section.rows)]
