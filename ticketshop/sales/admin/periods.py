"""The form for a period, and the choice of an organiser, on pages with figures of the books."""

from django import forms
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest
from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from ticketshop.lib.dates.typed_days import plausible
from ticketshop.lib.values.text import number_in
from ticketshop.organisers import permissions
from ticketshop.organisers.models import Organiser


class PeriodForm(forms.Form):
    """The first and the last day. Subclasses may allow more than a year."""

    most_days = 366
    too_long: str | Promise = gettext_lazy("At most one year at once.")

    since = forms.DateField(
        label=gettext_lazy("First day"),
        validators=[plausible],
        widget=forms.DateInput({"type": "date"}, format="%Y-%m-%d"),
    )
    until = forms.DateField(
        label=gettext_lazy("Last day"),
        validators=[plausible],
        widget=forms.DateInput({"type": "date"}, format="%Y-%m-%d"),
    )

    def clean(self):
        values = super().clean()
        since, until = values.get("since"), values.get("until")
        if since and until and until < since:
            self.add_error("until", _("The last day is before the first one."))
        elif since and until and (until - since).days > self.most_days:
            self.add_error("until", self.too_long)
        return values


def organisers_where(user, *needed: str) -> list[Organiser]:
    """Return the organisers in which the user has one of these permissions, by name. Raise PermissionDenied if there are none."""
    allowed: set[int] | None = set()
    for permission in needed:
        found = permissions.organisers_where(user, permission)
        allowed = None if found is None or allowed is None else allowed | found
    organisers = list(permissions.within(Organiser.objects.order_by("name"), allowed))
    if not organisers:
        raise PermissionDenied
    return organisers


def chosen_organiser(request: HttpRequest, organisers: list[Organiser]) -> Organiser:
    """Return the organiser named in the URL, or the first one if none is. Raise Http404 for any that is not in the list.

    What is done on the page must not be done for another organiser than the one in the URL.
    """
    text = request.GET.get("organiser", "")
    if not text:
        return organisers[0]
    number = number_in(text, digits=17)
    for organiser in organisers:
        if organiser.pk == number:
            return organiser
    raise Http404("no such organiser")
