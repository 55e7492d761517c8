"""Choosing a second contact of the same organiser: search, then a link. Without a script, and without a look at others."""

from django.db.models import QuerySet
from django.http import Http404, HttpRequest
from django.template.response import TemplateResponse
from django.utils.translation import gettext_lazy as _

from ticketshop.lib.text import number_in

from ..models import Contact

SEARCH_HELP = _("The beginning of any word of name, e-mail address or number, or some digits of the phone.")
# So many are shown; further words find the others.
MOST = 20


def chosen(request: HttpRequest, contact: Contact) -> Contact | None:
    """The contact named in the address as ``with``; None before one is chosen, Http404 for a foreign or missing one."""
    named = request.GET.get("with")
    if named is None:
        return None
    number = number_in(named, digits=17)
    if number is None:
        raise Http404("no such row")
    found = _same_organiser(contact).filter(pk=number).select_related("user").first()
    if found is None:
        raise Http404("no such row")
    return found


def page(admin_page, request: HttpRequest, contact: Contact, *, title: str, words: str) -> TemplateResponse:
    """A search among the contacts of the organiser; each one found is a link to this address with its number."""
    text = request.GET.get("q", "").strip()
    found = list(_same_organiser(contact).search(text).sorted()[: MOST + 1]) if text else []
    context = {
        **admin_page.about_row(request, contact, title),
        "words": words,
        "text": text,
        "found": found[:MOST],
        "more": len(found) > MOST,
        "search_help": SEARCH_HELP,
    }
    return TemplateResponse(request, "admin/pick_contact.html", context)


def named(contact: Contact) -> str:
    """A contact in a sentence: “Ada Lovelace (K7Q4M9XD)”."""
    return f"{contact.full_name} ({contact})" if contact.full_name else str(contact)


def _same_organiser(contact: Contact) -> QuerySet[Contact]:
    return Contact.objects.known().filter(organiser=contact.organiser_id)
