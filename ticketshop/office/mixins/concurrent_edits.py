"""Concurrent edits of one page: each person saves what they changed, and no change of the other is overwritten silently.

A page posts, in a hidden field, a short digest of each value that it showed. If another person changed a field in the
meantime and this person did not, the other value stays. If both changed it to different values, nothing is saved: the field
shows the other value in its error, and a second *Save* overwrites it.
"""

import base64
import hashlib
import json
import zlib
from collections.abc import Iterable

from django import forms
from django.contrib import messages
from django.contrib.admin.utils import unquote
from django.contrib.admin.widgets import RelatedFieldWidgetWrapper
from django.core.exceptions import ValidationError
from django.db import transaction
from django.db.models import Model
from django.forms.models import _get_foreign_key
from django.http import HttpRequest, QueryDict
from django.utils.text import Truncator
from django.utils.translation import gettext as _

from ticketshop.lib.values.text import number_in

FIELD = "_seen"
LENGTH = 6  # characters of a digest
MOST = 200_000  # bytes of the hidden field, unpacked


# --- values of a field ----------------------------------------------------------------------------
def _texts(widget: forms.Widget, value: object) -> list[str]:
    """Return what a browser posts for a widget that was drawn with ``value`` and left unchanged."""
    if isinstance(widget, RelatedFieldWidgetWrapper):
        widget = widget.widget
    if isinstance(widget, forms.MultiWidget):
        pairs = enumerate(zip(widget.widgets, widget.decompress(value), strict=False))
        return [f"{number}:{text}" for number, (one, part) in pairs for text in _texts(one, part)]
    if isinstance(widget, forms.CheckboxInput):
        return ["on"] if widget.check_test(value) else []
    shown = widget.format_value(value)
    if isinstance(shown, list | tuple):
        return sorted(str(text) for text in shown if text not in (None, ""))
    return [] if shown in (None, "") else [str(shown).replace("\r\n", "\n")]


def _digest(texts: list[str]) -> str:
    """Return the first LENGTH characters of the hash of these texts."""
    text = json.dumps(texts, ensure_ascii=False)
    return base64.urlsafe_b64encode(hashlib.sha256(text.encode("utf-8", "replace")).digest())[
        :LENGTH
    ].decode()


def _compared_fields(form: forms.BaseForm) -> list[str]:
    """Return the names of the fields that two people may both change, in order."""
    return [
        name
        for name, field in form.fields.items()
        if not field.disabled
        and not isinstance(field, forms.FileField)
        and not isinstance(field.widget, forms.HiddenInput)
        and name != "DELETE"
    ]


def _current_texts(form: forms.BaseForm, name: str) -> list[str]:
    """Return the texts of the value that the row has now."""
    field = form.fields[name]
    return _texts(field.widget, field.prepare_value(form.get_initial_for_field(field, name)))


# --- the hidden field -------------------------------------------------------------------------------
def digests_of(form: forms.BaseForm, formsets: Iterable[forms.BaseFormSet] = ()) -> str:
    """Return the text for the hidden field: digests of all values that the page shows."""
    digests = {"": _digests(form)}
    for formset in formsets:
        for row_form in formset.initial_forms:
            digests[_key(formset.prefix, row_form.instance.pk)] = _digests(row_form)
    packed = zlib.compress(json.dumps(digests, separators=(",", ":")).encode(), 9)
    return base64.urlsafe_b64encode(packed).decode()


def _digests(form: forms.BaseForm) -> str:
    """Return the digests of all compared fields of a form, joined."""
    return "".join(_digest(_current_texts(form, name)) for name in _compared_fields(form))


def _key(prefix: str, pk: object) -> str:
    return f"{prefix}:{pk}"


def parse_digests(text: str) -> dict[str, str]:
    """Return key -> digests from the posted hidden field; empty if it can't be read. Then posted values count as they are."""
    try:
        unpacker = zlib.decompressobj()
        unpacked = unpacker.decompress(base64.urlsafe_b64decode(text), MOST)
        digests = json.loads(unpacked)
    except (ValueError, zlib.error):
        return {}
    if not isinstance(digests, dict):
        return {}
    return {key: value for key, value in digests.items() if isinstance(value, str)}


# --- the posted form -----------------------------------------------------------------------------------
class MergeEditsMixin:
    """For a model form of a page or of an inline row. ``seen`` is the result of ``parse_digests``."""

    seen: dict[str, str] = {}
    conflicts: tuple[str, ...] = ()

    def full_clean(self):
        # Not in __init__, because formsets add fields and values to their forms afterwards.
        if self.is_bound and self.instance.pk is not None and self.seen:
            self._merge_all()
        super().full_clean()

    def _merge_all(self) -> None:
        formset, _dash, _number = (self.prefix or "").rpartition("-")
        names, digests = (
            _compared_fields(self),
            self.seen.get(_key(formset, self.instance.pk) if formset else "", ""),
        )
        if len(digests) == LENGTH * len(names):
            for place, name in enumerate(names):
                self._merge(name, digests[place * LENGTH : (place + 1) * LENGTH])

    def _merge(self, name: str, seen: str) -> None:
        """Keep the current value if only the other person changed the field. Note a conflict if both did."""
        now = _current_texts(self, name)
        if _digest(now) == seen:
            return
        posted = self._posted(name)
        if posted is not None and _digest(posted) == seen:
            self._keep(name, now)
        elif posted != now:
            self.conflicts = (*self.conflicts, name)

    def _posted(self, name: str) -> list[str] | None:
        """Return the posted texts after cleaning; None if they are invalid."""
        field = self.fields[name]
        value = field.widget.value_from_datadict(self.data, self.files, self.add_prefix(name))
        try:
            return _texts(field.widget, field.prepare_value(field.clean(value)))
        except ValidationError:
            return None

    def _keep(self, name: str, texts: list[str]) -> None:
        """Replace the posted value by the row's current value."""
        self.data = self.data.copy()
        html_name = self.add_prefix(name)
        widget = getattr(self.fields[name].widget, "widget", self.fields[name].widget)
        if not isinstance(widget, forms.MultiWidget):
            _put(self.data, html_name, texts)
            return
        for number, suffix in enumerate(widget.widgets_names):
            start = f"{number}:"
            parts = [text.removeprefix(start) for text in texts if text.startswith(start)]
            _put(self.data, f"{html_name}{suffix}", parts)

    def _clean_form(self):
        super()._clean_form()
        for name in self.conflicts:
            text = _(
                "Somebody else changed this meanwhile, to: %(value)s. Save again to keep what stands here."
            )
            self.add_error(name, text % {"value": self._shown(name)})

    def _shown(self, name: str) -> str:
        """Return the row's current value as text for people."""
        field, texts = self.fields[name], _current_texts(self, name)
        if isinstance(field, forms.BooleanField):
            return _("Yes") if texts else _("No")
        choices = getattr(field, "choices", None)
        if choices is not None:
            labels = {str(value): str(label) for value, label in _flat(choices)}
            texts = [labels.get(text, text) for text in texts]
        return Truncator(", ".join(texts)).chars(200) or "–"


def _put(data: QueryDict, name: str, texts: list[str]) -> None:
    if texts:
        data.setlist(name, texts)
    else:
        data.pop(name, None)


def _flat(choices: Iterable) -> Iterable[tuple[object, object]]:
    for value, label in choices:
        if isinstance(label, list | tuple):
            yield from label
        else:
            yield value, label


# --- deleted rows ---------------------------------------------------------------------------------
def without_deleted_rows(
    post: QueryDict, prefix: str, existing: set[str]
) -> tuple[QueryDict, list[dict[str, list[str]]]]:
    """Return the post of a formset without rows that were deleted in the meantime, and the posted values of those rows.

    ``existing`` holds the ids of the existing rows. The rows after a missing one get new numbers.
    """
    initial = number_in(post.get(f"{prefix}-INITIAL_FORMS"), digits=4) or 0
    total = number_in(post.get(f"{prefix}-TOTAL_FORMS"), digits=4) or 0
    numbers = range(min(initial, total, 1000))
    missing = {number for number in numbers if post.get(f"{prefix}-{number}-id", "") not in existing}
    if not missing:
        return post, []
    remaining, deleted = QueryDict(mutable=True), {number: {} for number in sorted(missing)}
    for name, values in post.lists():
        number, field = _row_of(name, prefix)
        if number in missing:
            deleted[number][field] = values
        elif number is None:
            remaining.setlist(name, values)
        else:
            remaining.setlist(f"{prefix}-{number - sum(other < number for other in missing)}-{field}", values)
    remaining[f"{prefix}-TOTAL_FORMS"] = str(total - len(missing))
    remaining[f"{prefix}-INITIAL_FORMS"] = str(initial - len(missing))
    return remaining, list(deleted.values())


def _row_of(name: str, prefix: str) -> tuple[int | None, str]:
    """Return the number of the row and the name of its field; (None, "") for names outside of the formset."""
    if not name.startswith(f"{prefix}-"):
        return None, ""
    number, _dash, field = name.removeprefix(f"{prefix}-").partition("-")
    return number_in(number, digits=4), field


def of_request(request: HttpRequest) -> dict[str, str]:
    """Return the digests that were posted with the request; read once per request."""
    digests = getattr(request, "_seen_fields", None)
    if digests is None:
        digests = request._seen_fields = (
            parse_digests(request.POST.get(FIELD, "")) if request.method == "POST" else {}
        )
    return digests


class ConcurrentEditsMixin:
    """For a ``ModelAdmin``: adds the digests to the page, and lets the second of two saves wait for the first."""

    def render_change_form(self, request, context, add=False, change=False, form_url="", obj=None):
        if obj is not None:
            formsets = [inline.formset for inline in context.get("inline_admin_formsets", ())]
            context["seen"] = digests_of(context["adminform"].form, formsets)
        return super().render_change_form(request, context, add, change, form_url, obj)

    def changeform_view(self, request, object_id=None, form_url="", extra_context=None):
        if object_id is None or request.method != "POST":
            return super().changeform_view(request, object_id, form_url, extra_context)
        with transaction.atomic():
            row = self.get_object(request, unquote(object_id))
            if row is not None:
                # The second of two concurrent saves waits here and then reads what the first has written.
                rows = self.model._base_manager.select_for_update(of=("self",), no_key=True)
                rows.filter(pk=row.pk).values_list("pk").first()
                self._leave_out_deleted_rows(request, row)
            return super().changeform_view(request, object_id, form_url, extra_context)

    def _leave_out_deleted_rows(self, request: HttpRequest, row: Model) -> None:
        """Leave out inline rows that another person deleted in the meantime, and tell the user about them."""
        for inline in self.get_inline_instances(request, row):
            key = _get_foreign_key(self.model, inline.model, fk_name=inline.fk_name)
            prefix = key.remote_field.get_accessor_name(model=inline.model).replace("+", "")
            existing = inline.model._base_manager.filter(**{key.name: row}).values_list("pk", flat=True)
            posted, deleted = without_deleted_rows(request.POST, prefix, set(map(str, existing)))
            if deleted:
                request.POST = posted
                text = _(
                    "Meanwhile somebody else deleted %(count)d of the %(rows)s. They stay deleted: what stood there was not saved."
                )
                names = {"count": len(deleted), "rows": inline.opts.verbose_name_plural}
                messages.warning(request, text % names)
