"""Webhook for delivery reports of the mail service: ``/hooks/mail/<provider>/tracking/``, by django-anymail.

A report is accepted only if its origin is proven: by WEBHOOK_SECRET in the setting ANYMAIL (``user:password``, sent as basic
authentication), or by the provider's signature. If neither is configured, every report is refused.
"""

import logging
import warnings
from functools import cache
from importlib import import_module
from types import ModuleType
from typing import TYPE_CHECKING

from django.contrib.auth.decorators import login_not_required
from django.core.exceptions import ImproperlyConfigured
from django.http import HttpRequest, HttpResponse
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_http_methods

from . import bounces

if TYPE_CHECKING:
    from anymail.webhooks.base import AnymailBaseWebhookView

logger = logging.getLogger("ticketshop.mail")

VIEWS = {
    "amazon_ses": "AmazonSESTrackingWebhookView",
    "brevo": "BrevoTrackingWebhookView",
    "mailersend": "MailerSendTrackingWebhookView",
    "mailgun": "MailgunTrackingWebhookView",
    "mailjet": "MailjetTrackingWebhookView",
    "mailtrap": "MailtrapTrackingWebhookView",
    "mandrill": "MandrillCombinedWebhookView",
    "postal": "PostalTrackingWebhookView",
    "postmark": "PostmarkTrackingWebhookView",
    "resend": "ResendTrackingWebhookView",
    "sendgrid": "SendGridTrackingWebhookView",
    "sparkpost": "SparkPostTrackingWebhookView",
    "unisender_go": "UnisenderGoTrackingWebhookView",
}
# Exceptions for a malformed body: no JSON, missing fields, wrong types.
_MALFORMED = (ValueError, KeyError, TypeError, AttributeError, IndexError)


@cache
def _exceptions() -> ModuleType:
    """Return the module with anymail's exceptions. Imported with the first report, because it loads an HTTP client."""
    from anymail import exceptions  # noqa: PLC0415

    # Not needed: without a secret every report is refused, and reports of deprecated providers still work.
    warnings.simplefilter("ignore", exceptions.AnymailInsecureWebhookWarning)
    warnings.simplefilter("ignore", exceptions.AnymailNotSupportedWarning)
    return exceptions


class Closed(Exception):
    """No secret or key is configured that could prove the origin of a report."""


def view_of(provider: str) -> "AnymailBaseWebhookView | None":
    """Return the provider's view, ready to check a request; None for an unknown provider. Raise Closed."""
    if provider not in VIEWS:
        return None
    anymail = _exceptions()
    try:
        view = getattr(import_module(f"anymail.webhooks.{provider}"), VIEWS[provider])()
    except (
        ImportError,
        ImproperlyConfigured,
        anymail.AnymailError,
        anymail.AnymailInsecureWebhookWarning,
    ) as error:
        raise Closed from error
    if view.warn_if_no_basic_auth and not view.basic_auth:
        raise Closed
    return view


def _refused(provider: str, why: str, status: int) -> HttpResponse:
    logger.warning(
        "mail webhook refused provider=%s why=%s", provider if provider in VIEWS else "unknown", why
    )
    return HttpResponse("Refused.\n", status=status, content_type="text/plain; charset=utf-8")


def _unproved(request: HttpRequest, provider: str, view: "AnymailBaseWebhookView") -> HttpResponse:
    if view.basic_auth and "Authorization" not in request.headers:
        # Amazon SES sends the credentials only after a 401.
        response = _refused(provider, "not proved", 401)
        response.headers["WWW-Authenticate"] = 'Basic realm="mail reports"'
        return response
    return _refused(provider, "not proved", 403)


@csrf_exempt
@login_not_required
@require_http_methods(["POST", "HEAD"])
def tracking(request: HttpRequest, provider: str) -> HttpResponse:
    """Accept reports. 404: unknown provider or mail (services try again); 401, 403: origin not proven; 400: not readable."""
    try:
        view = view_of(provider)
    except Closed:
        return _refused(provider, "no secret is configured", 403)
    if view is None:
        return _refused(provider, "unknown provider", 404)
    if request.method == "HEAD":  # some services check that the URL exists
        return HttpResponse()
    anymail = _exceptions()
    view.setup(request)
    try:
        view.run_validators(request)
    except anymail.AnymailWebhookValidationFailure:
        return _unproved(request, provider, view)
    except _MALFORMED:
        return _refused(provider, "not readable", 400)
    try:
        events = view.parse_events(request)
    except (*_MALFORMED, anymail.AnymailError):
        return _refused(provider, "not readable", 400)
    known = [bounces.record_report(event) for event in events if hasattr(event, "message_id")]
    if known and not any(known):
        return _refused(provider, "unknown mail", 404)
    return HttpResponse()
