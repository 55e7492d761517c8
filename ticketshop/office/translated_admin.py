"""Pages of rows with texts in several languages: one fieldset per language of the organiser.

Works without a script: the fieldsets of further languages fold by the browser's own ``details``.
"""

from django.conf import settings
from django.utils.text import capfirst
from django.utils.translation import get_language
from django.utils.translation import gettext as _
from modeltranslation.admin import TranslationAdmin

from ticketshop.organisers import permissions
from ticketshop.organisers.models import Organiser

from .forms import SHOWN, UNREAD
from .scoped_admin import ScopedAdmin

NAMES = dict(settings.CONTENT_LANGUAGES)


def in_language(label: str, code: str) -> str:
    """Return the label with its language, as “Title (French)”."""
    name = str(NAMES[code])
    if (get_language() or "").startswith("fr"):
        name = name.lower()  # French writes names of languages in lower case
    return _("%(label)s (%(language)s)") % {"label": label, "language": name}


class TranslatedAdmin(ScopedAdmin, TranslationAdmin):
    """A page of rows with translated texts. ``translated`` lists the translated columns, in order."""

    translated: tuple[str, ...] = ()

    def languages(self, request, obj) -> list[str]:
        """Return the codes of the languages that the form shows, the first language first."""
        organisers = permissions.within(Organiser.objects.order_by("pk"), self.form_organisers(request, obj))
        seen_codes: dict[str, None] = {}
        for codes in organisers.values_list("languages", flat=True)[:20]:
            seen_codes.update(dict.fromkeys(codes))
        # Languages of the interface first.
        return sorted(seen_codes, key=lambda code: code not in SHOWN) or [settings.LANGUAGE_CODE]

    def text_fieldsets(self, request, obj=None) -> list:
        """Return a fieldset with the translated columns for each language."""
        first, *others = self.languages(request, obj)
        return [
            (
                NAMES[code],
                {
                    "fields": [f"{name}_{code}" for name in self.translated],
                    "classes": classes,
                    "description": "" if code in SHOWN else UNREAD,
                },
            )
            for code, classes in [(first, []), *((code, ["collapse"]) for code in others)]
        ]

    def get_fieldsets(self, request, obj=None):
        first, *others = super().get_fieldsets(request, obj)
        return [first, *self.text_fieldsets(request, obj), *others]

    def get_form(self, request, obj=None, change=False, **kwargs):
        """Require the texts of the first language where the column is required. Other languages may stay empty."""
        form = super().get_form(request, obj, change=change, **kwargs)
        first, *others = self.languages(request, obj)
        for name in self.translated:
            for code in (first, *others):
                if (field := form.base_fields.get(f"{name}_{code}")) is not None:
                    field.required = code == first and not self.opts.get_field(name).blank
                    field.label = capfirst(str(self.opts.get_field(name).verbose_name))
                    field.widget.attrs["lang"] = code
        return form
