"""The page on which staff merge two contacts that are one person: both side by side, which one stays, then all at once."""

from dataclasses import dataclass

from django import forms
from django.conf import settings
from django.contrib import messages
from django.contrib.auth import get_permission_codename
from django.http import HttpRequest
from django.template.response import TemplateResponse
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from ticketshop.lib.phones import readable_phone
from ticketshop.organisers.buttons import OwnPage, always, drawn
from ticketshop.organisers.sections import NONE

from .. import merging
from ..models import Contact
from . import picking, tables


@dataclass(frozen=True)
class Fact:
    """One line of the comparison."""

    label: str
    values: tuple[object, object]

    @property
    def differs(self) -> bool:
        return self.values[0] != self.values[1]


class MergeForm(forms.Form):
    """Which of two contacts stays. One that has a log-in always does."""

    keep = forms.TypedChoiceField(
        label=gettext_lazy("Which one stays?"),
        coerce=int,
        widget=forms.RadioSelect,
        error_messages={
            "required": gettext_lazy("Choose which contact stays."),
            "invalid_choice": gettext_lazy("The contact that has a log-in stays."),
        },
    )

    def __init__(self, data, *, contact: Contact, other: Contact):
        super().__init__(data)
        self.both = {one.pk: one for one in (contact, other)}
        may_stay = [one for one in self.both.values() if one.user_id] or list(self.both.values())
        self.fields["keep"].choices = [(one.pk, picking.named(one)) for one in may_stay]
        self.fields["keep"].initial = may_stay[0].pk
        if len(may_stay) == 1:
            self.fields["keep"].help_text = _("It has a log-in; the other one has none.")

    @property
    def chosen(self) -> tuple[Contact, Contact]:
        """The one that stays, and the other."""
        keep = self.cleaned_data["keep"]
        (lose,) = (one for pk, one in self.both.items() if pk != keep)
        return self.both[keep], lose


def why_not(contact: Contact, other: Contact) -> str:
    """Why two contacts can't be merged, in a sentence; empty where they can."""
    if contact.pk == other.pk:
        return _("This is the same contact twice. Choose another one.")
    if contact.user_id and other.user_id:
        return _(
            "Both contacts have a log-in of their own, so they can’t be merged: one of the two would no longer"
            " find its orders. Have one of the log-ins removed first."
        )
    return ""


def facts(request: HttpRequest, contact: Contact, other: Contact) -> list[Fact]:
    """What both are, line by line; then how many rows of each kind belong to them, of those the user may see."""
    languages = dict(settings.LANGUAGES)
    lines = {
        _("kind"): Contact.get_kind_display,
        _("e-mail address"): lambda one: one.email,
        _("phone"): lambda one: readable_phone(one.phone),
        _("address"): lambda one: ", ".join(
            part for part in (one.street, f"{one.postcode} {one.city}".strip(), one.country) if part
        ),
        _("date of birth"): lambda one: one.birth_date and date_format(one.birth_date, "SHORT_DATE_FORMAT"),
        _("language of e-mails"): lambda one: languages.get(one.language),
        _("logs in with"): lambda one: one.user.email if one.user else None,
        _("added through"): Contact.get_created_via_display,
        _("created"): lambda one: tables.day(one.created_at),
        _("blocked"): lambda one: one.blocked_at and tables.day(one.blocked_at),
    }
    found = [Fact(str(label), (read(contact) or NONE, read(other) or NONE)) for label, read in lines.items()]
    return found + _counts(request, contact, other)


def _counts(request: HttpRequest, contact: Contact, other: Contact) -> list[Fact]:
    """Rooms above this one are reached through Django's relations, as the merge itself does."""
    found = []
    for relation in merging.relations():
        meta = relation.related_model._meta
        if not request.user.has_perm(f"{meta.app_label}.{get_permission_codename('view', meta)}", contact):
            continue
        rows = relation.related_model._base_manager
        numbers = [rows.filter(**{relation.field.name: one.pk}).count() for one in (contact, other)]
        label = _("%(rows)s (%(role)s)") % {
            "rows": meta.verbose_name_plural,
            "role": relation.field.verbose_name,
        }
        found.append(Fact(label, (numbers[0], numbers[1])))
    return found


def view(admin_page, request: HttpRequest, contact: Contact):
    """First choose the other one, then compare, then merge."""
    title = MERGE.label
    other = picking.chosen(request, contact)
    if other is None:
        words = _("Which contact is the same person as %(name)s?") % {"name": picking.named(contact)}
        return picking.page(admin_page, request, contact, title=title, words=words)
    refused = why_not(contact, other)
    form = MergeForm(request.POST if request.method == "POST" else None, contact=contact, other=other)
    if not refused and form.is_valid():
        keep, lose = form.chosen
        try:
            merging.merge(keep, lose, by=request.user, now=timezone.now())
        except merging.CannotMerge:
            refused = _("One of the two was changed in the meantime. Look at them again.")
        else:
            said = _("Merged: %(name)s stays, with everything of the other contact.")
            messages.success(request, said % {"name": picking.named(keep)})
            return admin_page.back_to(keep)
    context = {
        **admin_page.about_row(request, contact, title),
        "both": [(one, picking.named(one)) for one in (contact, other)],
        "facts": facts(request, contact, other),
        "refused": refused,
        "form": None if refused else drawn(form),
    }
    return TemplateResponse(request, "admin/merge.html", context)


MERGE = OwnPage("merge", gettext_lazy("Merge with…"), ("contacts.merge_contact",), always, view)
