"""After saving, tell staff how a time was understood that occurs twice in the night when the clocks change."""

from datetime import datetime

from django.contrib import messages
from django.utils.translation import gettext as _

from ticketshop.lib.moments import comes_twice, readable


class AmbiguousTimesMixin:
    """For ``ScopedAdmin``: adds the messages."""

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
