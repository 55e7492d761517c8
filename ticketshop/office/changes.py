"""Summarise what a back-office page changed: the names of columns, for settings with old and new values."""

from collections import Counter

from django.db.models import Model, QuerySet
from django.forms import BaseFormSet, ModelForm

LONGEST = 2000


def summary(form: ModelForm, formsets: list[BaseFormSet], *, values: bool) -> dict:
    """Return the details for ``history.record``; empty if nothing changed. Call it after everything is saved."""
    details = _of_form(form, "", values)
    for formset in formsets:
        details = _merged(details, _of_formset(formset, values))
    return {name: found for name, found in details.items() if found}


def _of_form(form: ModelForm, prefix: str, values: bool) -> dict:
    names = [name for name in form.changed_data if name not in {"id", "DELETE"}]
    if not values:
        return {"columns": sorted(f"{prefix}{name}" for name in names)}
    pairs = {name: _old_and_new(form, name) for name in names}
    return {"changes": {f"{prefix}{name}": pair for name, pair in pairs.items() if pair[0] != pair[1]}}


def _old_and_new(form: ModelForm, name: str) -> list:
    initial = form.get_initial_for_field(form.fields[name], name)
    return [plain(initial), plain(form.cleaned_data.get(name))]


def _of_formset(formset: BaseFormSet, values: bool) -> dict:
    name = formset.model._meta.model_name
    details: dict = {
        "added": Counter({name: len(getattr(formset, "new_objects", []))}),
        "removed": Counter({name: len(getattr(formset, "deleted_objects", []))}),
    }
    changed = {id(row) for row, _columns in getattr(formset, "changed_objects", [])}
    for form in getattr(formset, "forms", []):
        added = values and form.instance in getattr(formset, "new_objects", [])
        if id(form.instance) in changed or added:
            prefix = f"{name}.{getattr(form, 'history_name', '')}".rstrip(".") + "."
            details = _merged(details, _of_form(form, prefix, values))
    return {key: {k: v for k, v in found.items() if v} if isinstance(found, Counter) else found
            for key, found in details.items()}  # fmt: skip


def _merged(one: dict, other: dict) -> dict:
    merged = dict(one)
    for key, found in other.items():
        if key == "columns":
            merged[key] = sorted({*merged.get(key, []), *found})
        else:
            merged[key] = {**merged.get(key, {}), **found}
    return merged


def plain(value):
    """Return a value as the history stores it: JSON of bounded length."""
    if value is None or isinstance(value, bool | int):
        return value
    if isinstance(value, list | tuple | QuerySet):
        return [plain(item) for item in value]
    return (f"#{value.pk}" if isinstance(value, Model) else str(value))[:LONGEST]
