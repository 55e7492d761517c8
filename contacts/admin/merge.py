"""The page on which staff merge two contacts that are the same person: both side by side, and which one stays."""

from dataclasses import dataclass

from django import forms
from django.contrib import messages
from django.contrib.auth import get_permission_codename
from django.http import HttpRequest
from django.template.response import TemplateResponse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from contacts import merge_outcome, merging
from contacts.models import Contact, ContactLink
from ticketshop.office.buttons import OwnPage, always, drawn
from ticketshop.office.sections import NONE

from . import picking, tables


@dataclass(frozen=True)
class Cell:
    """A value in the comparison. ``choice``: the radio button that keeps it, as (field name, value, checked)."""

    text: object
    choice: tuple[str, int, bool] | None = None


@dataclass(frozen=True)
class Fact:
    """A line of the comparison: the values of both contacts, and the value after the merge.

    ``afterwards`` is empty where staff choose between the two cells.
    """

    label: str
    cells: tuple[Cell, Cell]
    afterwards: object

    @property
    def differs(self) -> bool:
        """Whether the two contacts differ in this line."""
        return self.cells[0].text != self.cells[1].text

    @property
    def chosen(self) -> bool:
        """Whether staff choose between the two values."""
        return self.cells[0].choice is not None


class MergeForm(forms.Form):
    """Which of two contacts stays, and whose values in each group in which both have some. A contact with a log-in stays."""

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
        self.both = {person.pk: person for person in (contact, other)}
        may_stay = [person for person in self.both.values() if person.user_id] or list(self.both.values())
        self.fields["keep"].choices = [(person.pk, picking.name_and_number(person)) for person in may_stay]
        self.fields["keep"].initial = may_stay[0].pk
        if len(may_stay) == 1:
            self.fields["keep"].help_text = _("It has a log-in; the other one has none.")
        # Of the contacts as they are now: a form that comes back with errors is drawn anew.
        self.shown_now = merging.fingerprint(contact, other)
        # Their radio buttons are drawn in the comparison, one in each column.
        self.groups = merging.differing_groups(contact, other)
        for group in self.groups:
            self.fields[group] = forms.TypedChoiceField(
                label=merge_outcome.LABELS[group],
                coerce=int,
                required=False,
                empty_value=None,
                choices=[(person.pk, merge_outcome.text(person, group)) for person in self.both.values()],
                initial=may_stay[0].pk,
            )

    @property
    def chosen(self) -> tuple[Contact, Contact]:
        """The contact that stays, and the one that goes."""
        keep = self.cleaned_data["keep"]
        (lose,) = (person for pk, person in self.both.items() if pk != keep)
        return self.both[keep], lose

    @property
    def taken(self) -> set[str]:
        """The groups of columns that come from the contact that goes."""
        _keep, lose = self.chosen
        return {group for group in self.groups if self.cleaned_data[group] == lose.pk}

    def selected(self, group: str) -> int | None:
        """Return the key of the contact whose values are selected for a group on the page; None if none is."""
        value = str(self[group].value() or "")
        return int(value) if value.isdecimal() else None


def why_not(contact: Contact, other: Contact) -> str:
    """Return the reason why two contacts can't be merged, as a sentence; empty if they can."""
    if contact.pk == other.pk:
        return _("This is the same contact twice. Choose another one.")
    if contact.user_id and other.user_id:
        return _(
            "Both contacts have a log-in of their own, so they can’t be merged: one of the two would no longer"
            " find its orders. Have one of the log-ins removed first."
        )
    return ""


def facts(request: HttpRequest, contact: Contact, other: Contact, form: MergeForm) -> list[Fact]:
    """Return the lines of the comparison: profile fields, what the shop has set, then the number of rows of each model."""
    both = (contact, other)
    after = merging.outcome(contact, other)
    of_profile = []
    for group, label in merge_outcome.LABELS.items():
        texts = [merge_outcome.text(person, group) or NONE for person in both]
        if group in form.groups:
            selected = form.selected(group)
            cells = [
                Cell(text, (group, person.pk, selected == person.pk))
                for person, text in zip(both, texts, strict=True)
            ]
            of_profile.append(Fact(str(label), (cells[0], cells[1]), ""))
        else:
            stays = merge_outcome.text(Contact(**after), group) or NONE
            of_profile.append(Fact(str(label), (Cell(texts[0]), Cell(texts[1])), stays))
    return of_profile + _shop_facts(contact, other, form) + _counts(request, contact, other)


def _shop_facts(contact: Contact, other: Contact, form: MergeForm) -> list[Fact]:
    """Return what the shop has set: after the merge that of the contact that stays, and a block of either contact."""
    lines = {
        _("kind"): Contact.get_kind_display,
        _("logs in with"): lambda person: person.user.email if person.user else None,
        _("added through"): Contact.get_created_via_display,
        _("created"): lambda person: tables.day(person.created_at),
    }
    only = form.fields["keep"].choices[0][0] if len(form.fields["keep"].choices) == 1 else None
    set_by_shop = []
    for label, read in lines.items():
        texts = {person.pk: read(person) or NONE for person in (contact, other)}
        stays = texts[only] if only else _("of the contact that stays")
        same = len(set(texts.values())) == 1
        set_by_shop.append(
            Fact(
                str(label),
                (Cell(texts[contact.pk]), Cell(texts[other.pk])),
                texts[contact.pk] if same else stays,
            )
        )
    blocked = [person.blocked_at and tables.day(person.blocked_at) for person in (contact, other)]
    cells = (Cell(blocked[0] or NONE), Cell(blocked[1] or NONE))
    set_by_shop.append(Fact(_("blocked"), cells, blocked[0] or blocked[1] or NONE))
    return set_by_shop


def _counts(request: HttpRequest, contact: Contact, other: Contact) -> list[Fact]:
    """Return for each model with a key to contacts the number of its rows, of those the user may view."""
    both = {contact.pk, other.pk}
    between = ContactLink.objects.filter(parent__in=both, child__in=both).count()
    counts = []
    for relation in merging.relations():
        meta = relation.related_model._meta
        if not request.user.has_perm(f"{meta.app_label}.{get_permission_codename('view', meta)}", contact):
            continue
        rows = relation.related_model._base_manager
        numbers = [rows.filter(**{relation.field.name: person.pk}).count() for person in (contact, other)]
        label = _("%(rows)s (%(role)s)") % {
            "rows": meta.verbose_name_plural,
            "role": relation.field.verbose_name,
        }
        # Connections between the two vanish.
        fewer = between if relation.related_model is ContactLink else 0
        counts.append(Fact(label, (Cell(numbers[0]), Cell(numbers[1])), sum(numbers) - fewer))
    return counts


def view(admin_page, request: HttpRequest, contact: Contact):
    """Let staff choose the other contact, then show the comparison, and merge the two on POST."""
    title = MERGE.label
    other = picking.chosen(request, contact)
    if other is None:
        question = _("Which contact is the same person as %(name)s?") % {
            "name": picking.name_and_number(contact)
        }
        return picking.page(admin_page, request, contact, title=title, question=question)
    refusal = why_not(contact, other)
    form = MergeForm(request.POST if request.method == "POST" else None, contact=contact, other=other)
    if not refusal and form.is_valid():
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
            refusal = _("One of the two was changed in the meantime. Look at them again.")
        else:
            message = _("Merged: %(name)s stays, with everything of the other contact.")
            messages.success(request, message % {"name": picking.name_and_number(keep)})
            return admin_page.back_to(keep)
    context = {
        **admin_page.about_row(request, contact, title),
        "both": [(person, picking.name_and_number(person)) for person in (contact, other)],
        "again": f"?with={other.pk}",
        "facts": facts(request, contact, other, form),
        "refused": refusal,
        "form": None if refusal else form,
        "fieldsets": [] if refusal else drawn(form, ["keep"]),
        "shown": form.shown_now,
    }
    return TemplateResponse(request, "admin/merge.html", context)


MERGE = OwnPage("merge", gettext_lazy("Merge with…"), ("contacts.merge_contact",), always, view)
