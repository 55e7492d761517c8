"""The choices of a question on its page, a part of them at a time.

A question may have MOST_CHOICES choices, more than a request may hold (DATA_UPLOAD_MAX_NUMBER_FIELDS).
"""

from django import forms
from django.contrib import admin
from django.db.models import Count, OuterRef, Subquery
from django.db.models.functions import Coalesce
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from modeltranslation.admin import TranslationTabularInline

from ticketshop.lib.web.formset_pages import PagedFormSet
from ticketshop.office.scoped_inlines import RowForm, ScopedInline
from ticketshop.office.translated_admin import in_language

from ..answers import limited_choices
from ..building import drafts
from ..models import Answer, Choice
from ..models.definition import MOST_CHOICES

# Rows on a page with those that a script adds. Their fields together stay below DATA_UPLOAD_MAX_NUMBER_FIELDS.
MOST_ROWS = PagedFormSet.per_page + 10


class ChoiceForm(RowForm):
    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        if "position" in self.fields:
            self.fields["position"].required = False
            if not self.instance.pk:
                self.initial["position"] = None

    def clean_position(self):
        """Keep the position if the field is empty. A new choice without a position comes last."""
        position = self.cleaned_data["position"]
        return self.instance.position if position is None and self.instance.pk else position


class ChoiceFormSet(PagedFormSet):
    """One part of the choices. A deleted choice that buyers were offered is deactivated instead."""

    deactivated = 0
    parameter = "choices"
    title = gettext_lazy("Pages of choices")
    range_text = gettext_lazy("Choices %(first)s to %(last)s of %(count)s")

    def order(self):
        """Return the ids of all choices in their order."""
        return list(self.instance.choices.order_by("position", "pk").values_list("pk", flat=True))

    def clean(self):
        super().clean()
        self._check_places()
        here = {form.instance.pk for form in self.forms if form.instance.pk}
        offered = [
            form
            for form in self.forms
            if (form.has_changed() or form.instance.pk)
            and form not in self.deleted_forms
            and form.cleaned_data.get("active")
        ]
        elsewhere = self.instance.choices.filter(active=True).exclude(pk__in=here).count()
        if len(offered) + elsewhere + len(getattr(self.instance, "lines", [])) > MOST_CHOICES:
            raise forms.ValidationError(
                _("A question has at most %(most)d choices.") % {"most": MOST_CHOICES}
            )

    def _check_places(self) -> None:
        """Refuse a limit below the number of places taken. Locks the choices, so that no place is taken meanwhile."""
        changed = {
            form.instance.pk: form
            for form in self.initial_forms
            if "capacity" in form.changed_data and "capacity" in getattr(form, "cleaned_data", {})
        }
        if not changed:
            return
        for pk, taken in limited_choices.count_taken(changed).items():
            capacity = changed[pk].cleaned_data["capacity"]
            if capacity is not None and capacity < taken:
                sentence = _("%(used)d are taken already: enter %(used)d or more.")
                changed[pk].add_error("capacity", sentence % {"used": taken})

    def save_existing(self, form, obj, commit=True):
        """Save all columns except ``used``, the counter that orders change."""
        if commit:
            columns = {field.name for field in obj._meta.concrete_fields if not field.primary_key}
            obj.save(update_fields=columns - {"used"})
        return obj

    def save_new(self, form, commit=True):
        if form.cleaned_data.get("position") is None:
            form.instance.position = drafts.next_position(self.instance)
        return super().save_new(form, commit=commit)

    def delete_existing(self, obj, commit=True):
        if commit and not drafts.drop_choice(obj):
            self.deactivated += 1


class ChoiceInline(ScopedInline, TranslationTabularInline):
    model = Choice
    form = ChoiceForm
    formset = ChoiceFormSet
    template = "admin/parts/paged_inline.html"
    deletable = True
    extra = 4
    max_num = MOST_ROWS
    ordering = ["position", "pk"]
    readonly_fields = ["taken"]

    def get_queryset(self, request):
        """Annotate ``answered``, the number of answers, for choices whose places are not counted."""
        standing = Answer.objects.filter(response__void=False)
        single, several = (
            standing.filter(**{column: OuterRef("pk")}).order_by().values(column).values(count=Count("pk"))
            for column in ("v_choice", "choices")
        )
        answered = Coalesce(Subquery(single), 0) + Coalesce(Subquery(several), 0)
        return super().get_queryset(request).annotate(answered=answered)

    @admin.display(description=gettext_lazy("taken"))
    def taken(self, choice):
        if not choice.pk:
            return ""
        return choice.answered if choice.capacity is None else choice.used

    def get_fieldsets(self, request, obj=None):
        languages = obj.form.organiser.languages if obj else []
        names = [f"label_{code}" for code in languages]
        return [(None, {"fields": [*names, "position", "capacity", "taken", "active"]})]

    def get_formset(self, request, obj=None, **kwargs):
        formset = super().get_formset(request, obj, **kwargs)
        languages = obj.form.organiser.languages if obj else []
        for number, code in enumerate(languages):
            if (field := formset.form.base_fields.get(f"label_{code}")) is not None:
                field.required = number == 0
                field.label = in_language(_("Label"), code)
                field.widget.attrs |= {"lang": code, "size": 20}
        # Django's check would refuse to delete a choice with answers; ``delete_existing`` deactivates it instead.
        formset.form.hand_clean_DELETE = lambda form: None
        return formset
