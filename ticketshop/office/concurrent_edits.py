"""Two people on one page: each saves what they changed, and nothing of the other is overwritten unseen.

A page carries in a hidden field what stood in its fields when it was drawn, as one short digest for each. When it comes
back, a field that somebody else changed meanwhile keeps their value if this person left it alone. If both changed it to
different values, nothing is saved: the field says what the other one entered, and a second *Save* decides.
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

from ticketshop.lib.text import number_in

FIELD = "_seen"
LENGTH = 6  # characters of a digest
MOST = 200_000  # bytes of what a page carries, unpacked


# --- what stands in a field ----------------------------------------------------------------------------
def _texts(widget: forms.Widget, value: object) -> list[str]:
    """What a browser sends for a widget that is drawn with ``value`` and left alone."""
    if isinstance(widget, RelatedFieldWidgetWrapper):
        widget = widget.widget
    if isinstance(widget, forms.MultiWidget):
        pairs = enumerate(zip(widget.widgets, widget.decompress(value), strict=False))
        return [f"{number}:{text}" for number, (one, part) in pairs for text in _texts(one, part)]
    if isinstance(widget, forms.CheckboxInput):
        return ["on"] if widget.check_test(value) else []
    shown = widget.format_value(value)
    if isinstance(shown, list | tuple):
        return sorted(str(one) for one in shown if one not in (None, ""))
    return [] if shown in (None, "") else [str(shown).replace("\r\n", "\n")]


def _digest(texts: list[str]) -> str:
    text = json.dumps(texts, ensure_ascii=False)
    return base64.urlsafe_b64encode(hashlib.sha256(text.encode("utf-8", "replace")).digest())[
        :LENGTH
    ].decode()


def _compared(form: forms.BaseForm) -> list[str]:
    """The fields of a form that two people may both change, in order."""
    return [
        name
        for name, field in form.fields.items()
        if not field.disabled
        and not isinstance(field, forms.FileField)
        and not isinstance(field.widget, forms.HiddenInput)
        and name != "DELETE"
    ]


def _stands(form: forms.BaseForm, name: str) -> list[str]:
    """What the row has in a field now."""
    field = form.fields[name]
    return _texts(field.widget, field.prepare_value(form.get_initial_for_field(field, name)))


# --- what a page carries -------------------------------------------------------------------------------
def carried(form: forms.BaseForm, formsets: Iterable[forms.BaseFormSet] = ()) -> str:
    """What stands in the fields of a page: for its hidden field."""
    found = {"": _all(form)}
    for formset in formsets:
        for one in formset.initial_forms:
            found[_key(formset.prefix, one.instance.pk)] = _all(one)
    packed = zlib.compress(json.dumps(found, separators=(",", ":")).encode(), 9)
    return base64.urlsafe_b64encode(packed).decode()


def _all(form: forms.BaseForm) -> str:
    return "".join(_digest(_stands(form, name)) for name in _compared(form))


def _key(prefix: str, pk: object) -> str:
    return f"{prefix}:{pk}"


def read(text: str) -> dict[str, str]:
    """What a page carried; nothing for what can't be read: then a field counts as it was posted."""
    try:
        unpacker = zlib.decompressobj()
        unpacked = unpacker.decompress(base64.urlsafe_b64decode(text), MOST)
        found = json.loads(unpacked)
    except (ValueError, zlib.error):
        return {}
    if not isinstance(found, dict):
        return {}
    return {key: value for key, value in found.items() if isinstance(value, str)}


# --- what comes back -----------------------------------------------------------------------------------
class MergeEditsMixin:
    """A model form of a page, or of one of its rows. ``seen``: what the page carried."""

    seen: dict[str, str] = {}
    conflicts: tuple[str, ...] = ()

    def full_clean(self):
        # Not before: formsets give their forms more fields and values once these are made.
        if self.is_bound and self.instance.pk is not None and self.seen:
            self._merge_all()
        super().full_clean()

    def _merge_all(self) -> None:
        formset, _dash, _number = (self.prefix or "").rpartition("-")
        names, digests = (
            _compared(self),
            self.seen.get(_key(formset, self.instance.pk) if formset else "", ""),
        )
        if len(digests) == LENGTH * len(names):
            for place, name in enumerate(names):
                self._merge(name, digests[place * LENGTH : (place + 1) * LENGTH])

    def _merge(self, name: str, seen: str) -> None:
        """Look whether the field was changed since it was ``seen``, by whom."""
        now = _stands(self, name)
        if _digest(now) == seen:
            return
        posted = self._posted(name)
        if posted is not None and _digest(posted) == seen:
            self._keep(name, now)
        elif posted != now:
            self.conflicts = (*self.conflicts, name)

    def _posted(self, name: str) -> list[str] | None:
        """What was posted, in the same form; None where it is no value of the field."""
        field = self.fields[name]
        value = field.widget.value_from_datadict(self.data, self.files, self.add_prefix(name))
        try:
            return _texts(field.widget, field.prepare_value(field.clean(value)))
        except ValidationError:
            return None

    def _keep(self, name: str, texts: list[str]) -> None:
        """Let the field come back with what stands in the row."""
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
        """What stands in the row, for people."""
        field, texts = self.fields[name], _stands(self, name)
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


# --- rows that are gone ---------------------------------------------------------------------------------
def without_missing(
    post: QueryDict, prefix: str, there: set[str]
) -> tuple[QueryDict, list[dict[str, list[str]]]]:
    """Return what was posted for a formset without the rows that were deleted meanwhile, and those rows.

    ``there``: the numbers of the rows that exist. The rows behind a missing one move up.
    """
    begun = number_in(post.get(f"{prefix}-INITIAL_FORMS"), digits=4) or 0
    total = number_in(post.get(f"{prefix}-TOTAL_FORMS"), digits=4) or 0
    numbers = range(min(begun, total, 1000))
    missing = {number for number in numbers if post.get(f"{prefix}-{number}-id", "") not in there}
    if not missing:
        return post, []
    kept, gone = QueryDict(mutable=True), {number: {} for number in sorted(missing)}
    for name, values in post.lists():
        number, field = _row_of(name, prefix)
        if number in missing:
            gone[number][field] = values
        elif number is None:
            kept.setlist(name, values)
        else:
            kept.setlist(f"{prefix}-{number - sum(one < number for one in missing)}-{field}", values)
    kept[f"{prefix}-TOTAL_FORMS"] = str(total - len(missing))
    kept[f"{prefix}-INITIAL_FORMS"] = str(begun - len(missing))
    return kept, list(gone.values())


def _row_of(name: str, prefix: str) -> tuple[int | None, str]:
    """The number of the row and the name of its field; (None, "") for what belongs to no row."""
    if not name.startswith(f"{prefix}-"):
        return None, ""
    number, _dash, field = name.removeprefix(f"{prefix}-").partition("-")
    return number_in(number, digits=4), field


def of_request(request: HttpRequest) -> dict[str, str]:
    """What the page carried that was posted, read once."""
    found = getattr(request, "_seen_fields", None)
    if found is None:
        found = request._seen_fields = read(request.POST.get(FIELD, "")) if request.method == "POST" else {}
    return found


class ConcurrentEditsMixin:
    """For a ``ModelAdmin``: the page carries what stood in it, and one of two saves waits for the other."""

    def render_change_form(self, request, context, add=False, change=False, form_url="", obj=None):
        if obj is not None:
            formsets = [one.formset for one in context.get("inline_admin_formsets", ())]
            context["seen"] = carried(context["adminform"].form, formsets)
        return super().render_change_form(request, context, add, change, form_url, obj)

    def changeform_view(self, request, object_id=None, form_url="", extra_context=None):
        if object_id is None or request.method != "POST":
            return super().changeform_view(request, object_id, form_url, extra_context)
        with transaction.atomic():
            row = self.get_object(request, unquote(object_id))
            if row is not None:
                # The second of two who save at once reads what the first one has written.
                rows = self.model._base_manager.select_for_update(of=("self",), no_key=True)
                rows.filter(pk=row.pk).values_list("pk").first()
                self._leave_out_deleted_rows(request, row)
            return super().changeform_view(request, object_id, form_url, extra_context)

    def _leave_out_deleted_rows(self, request: HttpRequest, row: Model) -> None:
        """Rows of inlines that somebody else deleted meanwhile stay deleted; whoever entered something there is told."""
        for inline in self.get_inline_instances(request, row):
            key = _get_foreign_key(self.model, inline.model, fk_name=inline.fk_name)
            prefix = key.remote_field.get_accessor_name(model=inline.model).replace("+", "")
            there = inline.model._base_manager.filter(**{key.name: row}).values_list("pk", flat=True)
            posted, gone = without_missing(request.POST, prefix, set(map(str, there)))
            if gone:
                request.POST = posted
                text = _(
                    "Meanwhile somebody else deleted %(count)d of the %(rows)s. They stay deleted: what stood there was not saved."
                )
                names = {"count": len(gone), "rows": inline.opts.verbose_name_plural}
                messages.warning(request, text % names)
