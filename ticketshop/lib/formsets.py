"""Rows on a page: never more than one save can hold, whatever is posted."""

from django.core.exceptions import ValidationError
from django.forms.formsets import INITIAL_FORM_COUNT, TOTAL_FORM_COUNT
from django.forms.models import BaseInlineFormSet
from django.utils.functional import cached_property
from django.utils.translation import gettext as _

# New rows in one save.
MOST_ADDED = 60


class BoundedFormSet(BaseInlineFormSet):
    """The rows there are, and at most ``MOST_ADDED`` new ones: Django would make as many forms as the page asks for."""

    @cached_property
    def management_form(self):
        form = BaseInlineFormSet.management_form.func(self)  # type: ignore[attr-defined]
        if self.is_bound:
            counts = form.cleaned_data
            self.too_many = False
            if min(counts.get(INITIAL_FORM_COUNT) or 0, counts.get(TOTAL_FORM_COUNT) or 0) < 0:
                # No page of ours sends that: Django says so as where the numbers are missing.
                form.add_error(None, "negative")
                counts[INITIAL_FORM_COUNT] = counts[TOTAL_FORM_COUNT] = 0
                return form
            there = min(counts.get(INITIAL_FORM_COUNT) or 0, len(self.get_queryset()))
            wanted = max(there, counts.get(TOTAL_FORM_COUNT) or 0)
            self.too_many = wanted > there + MOST_ADDED
            counts[INITIAL_FORM_COUNT] = there
            counts[TOTAL_FORM_COUNT] = min(wanted, there + MOST_ADDED)
        return form

    def clean(self):
        super().clean()
        if self.too_many:
            raise ValidationError(_("Add at most %(count)d rows at once, and save.") % {"count": MOST_ADDED})
