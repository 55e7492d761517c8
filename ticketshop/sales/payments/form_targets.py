"""Which forms may lead to a payment provider. The content security policy of a page names the origins its forms lead to.

Chromium checks the redirects after a form too, so the policy of the page with the form has to name the provider, although
the form is sent to the shop. The middleware ``ticketshop.middleware.provider_forms`` writes it into the header.
"""

from collections.abc import Iterable

from ticketshop.organisers.models import PointOfSale

from . import methods
from .methods.base import Method


def leads_to_provider(view):
    """Decorate a view whose answer to a form may be a redirect to a provider. Pages that send such a form once more, after
    it has met a log-in or had an old token, then get the origins of all providers of the shop.
    """
    view.leads_to_provider = True
    return view


def allow(request, offered: Iterable[Method]) -> None:
    """Let the forms on this page lead to the providers of these methods."""
    request.form_origins = methods.form_origins(offered)


def of_shop(pos: PointOfSale) -> list[str]:
    """Return the origins of all providers of a shop."""
    return methods.form_origins(methods.of_shop(pos))
