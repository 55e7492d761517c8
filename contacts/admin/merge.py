"""The page on which staff merge two contacts that are one person: both side by side, which one stays, then all at once."""

from dataclasses import dataclass

from django import forms
from django.contrib import messages
from django.contrib.auth import get_permission_codename
from django.http import HttpRequest
from django.template.response import TemplateResponse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from ticketshop.office.buttons import OwnPage, always, drawn
from ticketshop.office.sections import NONE

from .. import merge_outcome, merging
from ..models import Contact, ContactLink
from . import picking, tables


@dataclass(frozen=True)
class Cell:
    """One value in the comparison. ``choice``: the radio button that keeps it, as (field name, value, checked)."""

    text: object
    choice: tuple[str, int, bool] | None = None


@dataclass(frozen=True)
class Fact:
    """One line of the comparison: both contacts, and what holds after the merge (empty where that is chosen)."""

    label: str
    cells: tuple[Cell, Cell]
    afterwards: object

    @property
    def differs(self) -> bool:
        return self.cells[0].text != self.cells[1].text

    @property
    def chosen(self) -> bool:
        return self.cells[0].choice is not None


class MergeForm(forms.Form):
    """Which of two contacts stays, and whose name, e-mail address … where both have one. A contact with a log-in stays."""

    keep = forms.TypedChoiceField(
        label=gettext_lazy("Which one stays?"),
        coerce=int,
        widget=forms.RadioSelect,
        error_messages={
            "required": gettext_lazy("Choose which contact stays."),
            "invalid_choice": gettext_lazy("The contact that has a log-in stays."),
        },
    )
    shown = forms.CharField(required=False)

    def __init__(self, data, *, contact: Contact, other: Contact):
        super().__init__(data)
        self.both = {one.pk: one for one in (contact, other)}
        may_stay = [one for one in self.both.values() if one.user_id] or list(self.both.values())
        self.fields["keep"].choices = [(one.pk, picking.named(one)) for one in may_stay]
        self.fields["keep"].initial = may_stay[0].pk
        if len(may_stay) == 1:
            self.fields["keep"].help_text = _("It has a log-in; the other one has none.")
        # As the page shows them, not as they were when a form that came back was drawn.
        self.shown_now = merging.fingerprint(contact, other)
        # These stand in the comparison itself, one in each column.
        self.groups = merging.differing_groups(contact, other)
        for group in self.groups:
            self.fields[group] = forms.TypedChoiceField(
                label=merge_outcome.LABELS[group],
                coerce=int,
                required=False,
                empty_value=None,
                choices=[(one.pk, merge_outcome.text(one, group)) for one in self.both.values()],
                initial=may_stay[0].pk,
            )

    @property
    def chosen(self) -> tuple[Contact, Contact]:
        """The one that stays, and the other."""
        keep = self.cleaned_data["keep"]
        (lose,) = (one for pk, one in self.both.items() if pk != keep)
        return self.both[keep], lose

    @property
    def taken(self) -> set[str]:
        """The groups of columns that come from the contact that goes."""
        _keep, lose = self.chosen
        return {group for group in self.groups if self.cleaned_data[group] == lose.pk}

    def selected(self, group: str) -> int | None:
        """The contact whose values are selected for a group on the page."""
        value = str(self[group].value() or "")
        return int(value) if value.isdecimal() else None


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


def facts(request: HttpRequest, contact: Contact, other: Contact, form: MergeForm) -> list[Fact]:
    """What both are, line by line, and what the merge makes of it; then how many rows of each kind belong to them."""
    both = (contact, other)
    after = merging.outcome(contact, other)
    found = []
    for group, label in merge_outcome.LABELS.items():
        texts = [merge_outcome.text(one, group) or NONE for one in both]
        if group in form.groups:
            selected = form.selected(group)
            cells = [
                Cell(text, (group, one.pk, selected == one.pk)) for one, text in zip(both, texts, strict=True)
            ]
            found.append(Fact(str(label), (cells[0], cells[1]), ""))
        else:
            stays = merge_outcome.text(Contact(**after), group) or NONE
            found.append(Fact(str(label), (Cell(texts[0]), Cell(texts[1])), stays))
    return found + _shop_facts(contact, other, form) + _counts(request, contact, other)


def _shop_facts(contact: Contact, other: Contact, form: MergeForm) -> list[Fact]:
    """What the shop itself wrote: of the contact that stays, but for a block, which holds for both."""
    lines = {
        _("kind"): Contact.get_kind_display,
        _("logs in with"): lambda one: one.user.email if one.user else None,
        _("added through"): Contact.get_created_via_display,
        _("created"): lambda one: tables.day(one.created_at),
    }
    only = form.fields["keep"].choices[0][0] if len(form.fields["keep"].choices) == 1 else None
    found = []
    for label, read in lines.items():
        texts = {one.pk: read(one) or NONE for one in (contact, other)}
        stays = texts[only] if only else _("of the contact that stays")
        same = len(set(texts.values())) == 1
        found.append(
            Fact(
                str(label),
                (Cell(texts[contact.pk]), Cell(texts[other.pk])),
                texts[contact.pk] if same else stays,
            )
        )
    blocked = [one.blocked_at and tables.day(one.blocked_at) for one in (contact, other)]
    cells = (Cell(blocked[0] or NONE), Cell(blocked[1] or NONE))
    found.append(Fact(_("blocked"), cells, blocked[0] or blocked[1] or NONE))
    return found


def _counts(request: HttpRequest, contact: Contact, other: Contact) -> list[Fact]:
    """Rooms above this one are reached through Django's relations, as the merge itself does."""
    both = {contact.pk, other.pk}
    between = ContactLink.objects.filter(parent__in=both, child__in=both).count()
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
        # Connections between the two vanish.
        fewer = between if relation.related_model is ContactLink else 0
        found.append(Fact(label, (Cell(numbers[0]), Cell(numbers[1])), sum(numbers) - fewer))
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
            merging.merge(
                keep,
                lose,
                by=request.user,
                now=timezone.now(),
                taken=form.taken,
                shown=form.cleaned_data["shown"],
            )
        except merging.CannotMerge:
            refused = _("One of the two was changed in the meantime. Look at them again.")
        else:
            said = _("Merged: %(name)s stays, with everything of the other contact.")
            messages.success(request, said % {"name": picking.named(keep)})
            return admin_page.back_to(keep)
    context = {
        **admin_page.about_row(request, contact, title),
        "both": [(one, picking.named(one)) for one in (contact, other)],
        "again": f"?with={other.pk}",
        "facts": facts(request, contact, other, form),
        "refused": refused,
        "form": None if refused else form,
        "fieldsets": [] if refused else drawn(form, ["keep"]),
        "shown": form.shown_now,
    }
    return TemplateResponse(request, "admin/merge.html", context)


MERGE = OwnPage("merge", gettext_lazy("Merge with…"), ("contacts.merge_contact",), always, view)
