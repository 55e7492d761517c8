"""Pages of rows show again what was typed into them before the log-in ended."""

from django.http import HttpRequest
from django.utils.datastructures import MultiValueDict
from django.utils.html import format_html
from django.utils.translation import gettext as _

from ticketshop.submissions import saved_forms
from ticketshop.submissions.models import KeptSubmission

# The names of the buttons that save a page.
SAVING = {"_save", "_continue", "_addanother", "_saveasnew"}


class UnsavedInputMixin:
    """For ``ScopedAdmin``: the saved form is drawn on its own page. Nothing is stored until *Save* is pressed."""

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
        saved = getattr(request, "shown_again", None)
        return type(form.__name__, (UnsavedInputForm, form), {"kept": saved}) if saved else form


class UnsavedInputForm:
    """Mixed into the form that shows input from before the log-in ended. It is never valid, so nothing is stored."""

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
    """Turn the request into a POST of the saved form, so that Django's page draws it.

    ``UnsavedInputForm`` makes that form invalid, so nothing is stored.
    """
    request.method, request.POST, request._files = "POST", kept.data, MultiValueDict()
    request.shown_again = kept
