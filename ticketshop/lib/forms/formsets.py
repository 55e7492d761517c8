"""A formset that limits the number of new rows."""

from django.core.exceptions import ValidationError
from django.forms.formsets import INITIAL_FORM_COUNT, TOTAL_FORM_COUNT
from django.forms.models import BaseInlineFormSet
from django.utils.functional import cached_property
from django.utils.translation import gettext as _

# New rows in one save.
MOST_ADDED = 60


class BoundedFormSet(BaseInlineFormSet):
    """Existing rows and at most ``MOST_ADDED`` new ones: Django would create as many forms as a request asks for."""

    @cached_property
    def management_form(self):
        """Django's form with the posted numbers, limited to what is possible."""
        form = BaseInlineFormSet.management_form.func(self)  # type: ignore[attr-defined]
        if self.is_bound:
            counts = form.cleaned_data
            self.too_many = False
            if min(counts.get(INITIAL_FORM_COUNT) or 0, counts.get(TOTAL_FORM_COUNT) or 0) < 0:
                # No page of the shop posts this. Django shows the error of missing numbers.
                form.add_error(None, "negative")
                counts[INITIAL_FORM_COUNT] = counts[TOTAL_FORM_COUNT] = 0
                return form
            existing = min(counts.get(INITIAL_FORM_COUNT) or 0, len(self.get_queryset()))
            requested = max(existing, counts.get(TOTAL_FORM_COUNT) or 0)
            self.too_many = requested > existing + MOST_ADDED
            counts[INITIAL_FORM_COUNT] = existing
            counts[TOTAL_FORM_COUNT] = min(requested, existing + MOST_ADDED)
        return form

    def clean(self):
        super().clean()
        if self.too_many:
            raise ValidationError(_("Add at most %(count)d rows at once, and save.") % {"count": MOST_ADDED})
