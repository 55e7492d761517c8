"""Pages of rows show what was typed into them before the log-in ended, as they do where a field is wrong."""

from django.http import HttpRequest
from django.utils.datastructures import MultiValueDict
from django.utils.html import format_html
from django.utils.translation import gettext as _

from ticketshop.submissions import saved_forms
from ticketshop.submissions.models import KeptSubmission

# The buttons that save a page.
SAVING = {"_save", "_continue", "_addanother", "_saveasnew"}


class UnsavedInputMixin:
    """For ``ScopedAdmin``: the kept form is drawn on the page itself. Nothing is saved until *Save* is pressed."""

    @saved_forms.shows_saved_form
    def add_view(self, request, form_url="", extra_context=None):
        return super().add_view(request, form_url, extra_context)

    @saved_forms.shows_saved_form
    def change_view(self, request, object_id, form_url="", extra_context=None):
        return super().change_view(request, object_id, form_url, extra_context)

    def changeform_view(self, request, object_id=None, form_url="", extra_context=None):
        if kept := saved_forms.find(request):
            if SAVING.isdisjoint(kept.data):  # another button of the page
                return saved_forms.resend_page(request, kept)
            _pretend_posted(request, kept)
        return super().changeform_view(request, object_id, form_url, extra_context)

    def get_form(self, request, obj=None, change=False, **kwargs):
        form = super().get_form(request, obj, change=change, **kwargs)
        kept = getattr(request, "shown_again", None)
        return type(form.__name__, (UnsavedInputForm, form), {"kept": kept}) if kept else form


class UnsavedInputForm:
    """Joined with the form of a page that shows again what was typed before a log-in: never valid."""

    kept: KeptSubmission

    def full_clean(self):
        super().full_clean()
        sentence = _(
            "Nothing has been saved yet: this is what you typed before you were logged out. Check it, and save."
        )
        link = format_html('<a href="?{}=1">{}</a>', saved_forms.STORED, _("Show what is stored"))
        self.add_error(None, format_html("{} {}", sentence, link))
        if self.kept.has_file:
            self.add_error(None, _("The file you chose is not kept. Choose it once more."))


def _pretend_posted(request: HttpRequest, kept: KeptSubmission) -> None:
    """Make Django's page draw what was typed; ``UnsavedInputForm`` sees that nothing is saved."""
    request.method, request.POST, request._files = "POST", kept.data, MultiValueDict()
    request.shown_again = kept
