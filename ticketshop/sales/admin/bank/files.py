"""Bank files: the page on which staff read one in, and what came of it."""

from datetime import datetime

from django import forms
from django.contrib import admin, messages
from django.shortcuts import redirect
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from ticketshop.lib.values import iban
from ticketshop.office.buttons import Button, Outcome
from ticketshop.office.scoped_admin import ScopedAdmin, ScopedForm
from ticketshop.office.sections import NONE, shown

from ...bank import camt, entries, files
from ...models import BankEntry, BankFile
from . import tables

RECORD = ("sales.change_bankentry", "sales.change_order")
NOTHING = gettext_lazy("This payment was dealt with already. Nothing has changed.")


def why_not_open(user, entry: BankEntry) -> str:
    """Return the sentence about a payment that was dealt with; empty for one that is still open."""
    return "" if entry.state == BankEntry.State.OPEN else str(NOTHING)


class BankFileForm(ScopedForm):
    """The file that is read in. It is not stored."""

    content = forms.FileField(
        label=gettext_lazy("File of the bank (camt.053 or camt.054)"),
        max_length=None,
        allow_empty_file=True,
        widget=forms.FileInput(attrs={"accept": ".xml,application/xml,text/xml"}),
        help_text=gettext_lazy(
            "The XML file as you download it at the bank. Only payments to your own accounts are stored, and not the file."
        ),
    )

    class Meta:
        model = BankFile
        fields: list[str] = []

    def clean_content(self):
        """Read the file. A file that can't be used is an error at the field."""
        upload = self.cleaned_data["content"]
        try:
            # One byte more than is allowed, so that a larger file is noticed without reading it.
            return camt.read(upload.read(camt.MAX_BYTES + 1))
        except camt.UnreadableFile as error:
            raise forms.ValidationError(str(error)) from None


# --- one click ------------------------------------------------------------------------------------------
def _exact(file: BankFile) -> list[BankEntry]:
    return entries.exact(file.entries.all())


def _may_record(file: BankFile) -> bool:
    return bool(_exact(file))


def _question(file: BankFile) -> list[str]:
    count = len(_exact(file))
    return [
        ngettext(
            "%(count)s payment is exactly what its order waits for.",
            "%(count)s payments are exactly what their orders wait for.",
            count,
        )
        % {"count": count},
        _("These orders become paid, their tickets become valid and go to the buyers by e-mail."),
        _("All other payments of the file stay as they are; look at them one by one."),
    ]


def _record(request, file: BankFile, now: datetime) -> Outcome:
    done, waiting = entries.request_exact(file.entries.all(), by=request.user, now=now)
    sentences = [ngettext("%(count)s order is paid.", "%(count)s orders are paid.", done) % {"count": done}]
    if waiting:
        text = ngettext(
            "%(count)s more is being recorded, and will be done in a few minutes.",
            "%(count)s more are being recorded, and will be done in a few minutes.",
            waiting,
        )
        sentences.append(text % {"count": waiting})
    return messages.SUCCESS if done or waiting else messages.WARNING, " ".join(sentences)


RECORD_EXACT = Button(
    "record-exact", gettext_lazy("Mark all exact payments paid"), RECORD, _may_record, _question, _record
)


@admin.register(BankFile)
class BankFileAdmin(ScopedAdmin):
    """Read in, then only shown."""

    form = BankFileForm
    list_display = ["uploaded_at", "kind", "message_id", "new", "known", "uploaded_by_text"]
    list_select_related = ["uploaded_by"]
    ordering = ["-uploaded_at", "-pk"]
    buttons = (RECORD_EXACT,)
    shown_fields = (
        "kind",
        "message_id",
        "uploaded_at",
        "uploaded_by_text",
        "new",
        "known",
        "left_out",
        "foreign",
        "unreadable",
    )

    def has_change_permission(self, request, obj=None):
        return False

    def has_view_permission(self, request, obj=None):
        return request.user.has_perm(self.permission("view"), obj)

    def get_fields(self, request, obj=None):
        return list(self.shown_fields) if obj else ["content"]

    def get_readonly_fields(self, request, obj=None):
        return [*self.shown_fields, "organiser"] if obj else []

    def save_model(self, request, obj, form, change):
        """Store the payments. The row of the file is a new one, or none if nothing in it was new."""
        result = files.store(obj.organiser, form.cleaned_data["content"], by=request.user, now=timezone.now())
        obj.pk, obj.result = result.file.pk if result.file else None, result

    def log_addition(self, request, obj, message):
        if obj.pk:
            super().log_addition(request, obj, message)

    def response_add(self, request, obj, post_url_continue=None):
        for level, sentence in _outcome(obj.result):
            messages.add_message(request, level, sentence)
        if obj.pk:
            return self.back_to(obj)
        return redirect(reverse("admin:sales_bankfile_changelist"))

    def notes(self, request, row):
        open_rows = row.entries.filter(state=BankEntry.State.OPEN).count()
        if not open_rows:
            return [*super().notes(request, row), _("All payments of this file are dealt with.")]
        text = ngettext(
            "%(count)s payment of this file is still to be looked at.",
            "%(count)s payments of this file are still to be looked at.",
            open_rows,
        )
        return [*super().notes(request, row), text % {"count": open_rows}]

    def sections(self, request, row):
        return shown(request, row, [("sales.view_bankentry", lambda: tables.entries(row))])

    def links(self, request, row):
        where = f"{reverse('admin:sales_bankentry_changelist')}?file__id__exact={row.pk}"
        return [(_("Payments as a list"), where)]

    @admin.display(description=gettext_lazy("read in by"))
    def uploaded_by_text(self, file):
        return file.uploaded_by.email if file.uploaded_by else NONE


def _outcome(result: files.Result) -> list[tuple[int, str]]:
    """Return what came of a file, in sentences."""
    outcome = []
    if result.new:
        text = ngettext("%(count)s new payment was read.", "%(count)s new payments were read.", result.new)
        outcome.append((messages.SUCCESS, text % {"count": result.new}))
    else:
        outcome.append((messages.WARNING, _("There was nothing new in this file, so nothing has changed.")))
    if result.known:
        text = ngettext(
            "%(count)s payment was known from an earlier file.",
            "%(count)s payments were known from earlier files.",
            result.known,
        )
        outcome.append((messages.INFO, text % {"count": result.known}))
    for account in dict.fromkeys(result.foreign):
        text = _(
            "The account %(account)s was left out: no point of sale of this organiser has its IBAN for bank transfers."
        )
        outcome.append((messages.WARNING, text % {"account": iban.grouped(account) or NONE}))
    if result.unreadable:
        text = ngettext(
            "%(count)s booking has no amount or no day. Look at it on the bank’s own statement.",
            "%(count)s bookings have no amount or no day. Look at them on the bank’s own statement.",
            result.unreadable,
        )
        outcome.append((messages.WARNING, text % {"count": result.unreadable}))
    return outcome
