"""After saving, staff read which instant a time means that the clock shows twice that night."""

from datetime import datetime

from django.contrib import messages
from django.utils.translation import gettext as _

from ticketshop.lib.moments import comes_twice, readable


class AmbiguousTimesMixin:
    """Part of the base of every page."""

    def save_related(self, request, form, formsets, change):
        super().save_related(request, form, formsets, change)
        for one in [form, *(one for formset in formsets for one in formset.forms)]:
            for name in one.changed_data:
                value = getattr(one, "cleaned_data", {}).get(name)
                if isinstance(value, datetime) and comes_twice(value):
                    messages.warning(
                        request,
                        _("%(field)s: %(time)s.")
                        % {"field": one.fields[name].label, "time": readable(value)},
                    )
