"""After saving, tell staff how a time was understood that occurs twice in the night when the clocks change."""

from datetime import datetime

from django.contrib import messages
from django.utils.translation import gettext as _

from ticketshop.lib.dates.moments import comes_twice, readable


class AmbiguousTimesMixin:
    """For ``ScopedAdmin``: adds the messages."""

    def save_related(self, request, form, formsets, change):
        super().save_related(request, form, formsets, change)
        for saved_form in [form, *(saved_form for formset in formsets for saved_form in formset.forms)]:
            for name in saved_form.changed_data:
                value = getattr(saved_form, "cleaned_data", {}).get(name)
                if isinstance(value, datetime) and comes_twice(value):
                    messages.warning(
                        request,
                        _("%(field)s: %(time)s.")
                        % {"field": saved_form.fields[name].label, "time": readable(value)},
                    )
