"""The choice of a second contact of the same organiser: a search whose results are links. Works without a script."""

from django.db.models import QuerySet
from django.http import Http404, HttpRequest
from django.template.response import TemplateResponse
from django.utils.translation import gettext_lazy as _

from contacts.models import Contact
from ticketshop.lib.values.text import number_in

SEARCH_HELP = _("The beginning of any word of name, e-mail address or number, or some digits of the phone.")
# Maximum number of results shown.
MOST = 20


def chosen(request: HttpRequest, contact: Contact) -> Contact | None:
    """Return the contact whose key is in the URL as ``with``; None before one is chosen.

    Raises Http404 if it does not exist or belongs to another organiser.
    """
    typed = request.GET.get("with")
    if typed is None:
        return None
    number = number_in(typed, digits=17)
    if number is None:
        raise Http404("no such row")
    other = _same_organiser(contact).filter(pk=number).select_related("user").first()
    if other is None:
        raise Http404("no such row")
    return other


def page(
    admin_page, request: HttpRequest, contact: Contact, *, title: str, question: str
) -> TemplateResponse:
    """Return the page with ``question`` and a search; each result is a link to the same URL with the contact's key."""
    text = request.GET.get("q", "").strip()
    results = list(_same_organiser(contact).search_for_page(text)[: MOST + 1]) if text else []
    context = {
        **admin_page.about_row(request, contact, title),
        "words": question,
        "text": text,
        "found": results[:MOST],
        "more": len(results) > MOST,
        "search_help": SEARCH_HELP,
    }
    return TemplateResponse(request, "admin/pick_contact.html", context)


def name_and_number(contact: Contact) -> str:
    """Return name and number of a contact, such as “Ada Lovelace (K7Q4-M9XD)”; the number alone without a name."""
    return f"{contact.full_name} ({contact})" if contact.full_name else str(contact)


def _same_organiser(contact: Contact) -> QuerySet[Contact]:
    return Contact.objects.known().filter(organiser=contact.organiser_id)
