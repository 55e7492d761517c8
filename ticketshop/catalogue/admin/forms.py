"""Forms of the catalogue's pages, and the rules they share."""

from collections.abc import Sequence

from django import forms
from django.db.models import Model
from django.urls import reverse
from django.utils.http import urlencode
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from ticketshop.office.scoped_admin import ScopedForm

from ..models import Allotment
from ..slugs import free_slug

MOST_PLACES = 1_000_000


def places_field(**kwargs) -> forms.IntegerField:
    """Return a form field for a number of places or passes."""
    kwargs.setdefault("label", gettext_lazy("Places"))
    return forms.IntegerField(min_value=0, max_value=MOST_PLACES, **kwargs)


def link_to_tickets(request, row: Model, text: str, **asked: int) -> list[tuple[str, str]]:
    """Return a link to the list of tickets, filtered by ``row``; nothing without permission to see tickets."""
    if not request.user.has_perm("sales.view_ticket", row):
        return []
    return [(text, f"{reverse('admin:sales_ticket_changelist')}?{urlencode(asked)}")]


def without_entry(page, request, obj, fields: Sequence[str]) -> list[str]:
    """Return ``fields`` without the number of places if the staff member may only view: the page shows it as text."""
    mine = page.has_change_permission(request, obj)
    return [name for name in fields if mine or name != "places"]


def check_capacity(allotment_id: int, capacity: int) -> None:
    """Raise ValidationError if ``capacity`` is below the number sold.

    Lock the row, so that no place is sold until the page is saved.
    """
    sold = Allotment.objects.select_for_update(of=("self",)).get(pk=allotment_id).sold
    if capacity < sold:
        raise forms.ValidationError(
            ngettext(
                "%(sold)d place is sold already: enter %(sold)d or more.",
                "%(sold)d places are sold already: enter %(sold)d or more.",
                sold,
            )
            % {"sold": sold}
        )


class SluggedForm(ScopedForm):
    """A form that makes the slug from the title if it is left empty."""

    title_column = "name"

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        if "slug" in self.fields:
            self.fields["slug"].required = False
            self.fields["slug"].help_text = _(
                "The last part of the page’s address. Empty: made from the title."
            )

    def clean(self):
        values = super().clean()
        if "slug" in self.fields and not values.get("slug") and "slug" not in self.errors:
            values["slug"] = free_slug(
                self._meta.model, self._organiser_id(), self._title(), self.instance.pk
            )
        return values

    def _organiser_id(self) -> int | None:
        organiser = self.cleaned_data.get("organiser")
        return organiser.pk if organiser else self.instance.organiser_id

    def _title(self) -> str:
        texts = (
            value
            for name, value in self.cleaned_data.items()
            if name.startswith(f"{self.title_column}_") and value
        )
        return next(texts, "")


def in_order(
    form: forms.Form, first: str, last: str, message: str, *, equal: bool = True, at: str = ""
) -> None:
    """Add ``message`` to the field ``at`` (default ``last``) if the value of ``last`` is before that of ``first``."""
    one, two = form.cleaned_data.get(first), form.cleaned_data.get(last)
    if one is not None and two is not None and (two < one or (two == one and not equal)):
        form.add_error(at or last, message)


def sales_in_order(form: forms.Form) -> None:
    """Add an error if the sales end before they begin."""
    message = _("This end of the sales is not after their beginning. Enter a later one.")
    in_order(form, "sales_start_at", "sales_end_at", message, equal=False)


def changed(form: forms.Form, *names: str) -> bool:
    """Return whether one of these fields was changed.

    A rule without a constraint of the table is checked only then: rows saved before the rule existed stay
    valid.
    """
    return bool(set(names) & set(form.changed_data))
