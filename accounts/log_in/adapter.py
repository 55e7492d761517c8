"""The adapter of django-allauth: mails are queued for the worker, and their links begin with BASE_URL."""

import logging
import time

from allauth.account import app_settings
from allauth.account.adapter import DefaultAccountAdapter
from allauth.account.internal.flows.login import get_authentication_records
from allauth.core import context as allauth_context
from allauth.core.internal import ratelimit
from django.db import transaction
from django.utils import timezone, translation
from django.utils.translation import gettext_lazy as _

from contacts import contacts
from contacts.linking import links
from ticketshop.lib.values.email_addresses import check_email
from ticketshop.lib.web.redirects import is_a_path_of_ours
from ticketshop.mail import outbox

from ..models import User
from . import known_browsers, passwords

logger = logging.getLogger("ticketshop.accounts")
FACTOR_MAILS = "mfa/email/"
# allauth's template prefix -> kind of mail.
KINDS = {
    "account/email/email_confirmation": "account_confirm",
    "account/email/email_confirmation_signup": "account_confirm",
    "account/email/email_changed": "account_changed",
    "account/email/password_reset_key": "account_reset",
    "account/email/unknown_account": "account_unknown",
    "account/email/account_already_exists": "account_exists",
    "mfa/email/": "account_factor",
}


class AccountAdapter(DefaultAccountAdapter):
    """The behaviour of log-ins of visitors and staff, where it differs from allauth's."""

    error_messages = {
        **DefaultAccountAdapter.error_messages,
        "too_many_login_attempts": _(
            "Too many failed log-in attempts. Wait a few minutes, or choose a new password by “Forgot your password?”: then you can log in at once."
        ),
    }

    def send_mail(self, template_prefix, email, context_values=None, **kwargs):
        """Queue the mail instead of sending it: a request must not wait for a mail server.

        Only the key of the log-in is stored; the worker makes the link with its token when the mail leaves.
        """
        values = context_values or kwargs.get("context") or {}
        user = values.get("user")
        with transaction.atomic():
            # Locked, so that an erasure of the log-in erases this mail too. No mail for a log-in that is gone.
            if user is None or User.objects.select_for_update(no_key=True).filter(pk=user.pk).exists():
                self._queue(template_prefix, email, {"user": user.pk} if user else {})

    def send_notification_mail(self, template_prefix, user, context=None, email=None):
        """Mail the former and the new address when the address of a log-in has changed, and the owner about a second factor.

        Other notifications are dropped.
        """
        if template_prefix.startswith(FACTOR_MAILS):
            with transaction.atomic():
                if User.objects.select_for_update(no_key=True).filter(pk=user.pk).exists():
                    why = template_prefix.removeprefix(FACTOR_MAILS)
                    self._queue(FACTOR_MAILS, user.email, {"user": user.pk, "why": why})
            return
        if template_prefix != "account/email/email_changed" or context is None:
            return
        with transaction.atomic():
            if not User.objects.select_for_update(no_key=True).filter(pk=user.pk).exists():
                return
            contacts.ask_about_email(user)
            for address in (context["from_email"], context["to_email"]):
                self._queue(template_prefix, address, {"user": user.pk})

    def _queue(self, template_prefix, email, about):
        pos = getattr(allauth_context.request, "pos", None)
        outbox.queue(
            KINDS[template_prefix],
            to=email,
            language=translation.get_language() or "en",
            now=timezone.now(),
            about=about,
            pos=pos,
        )

    def confirm_email(self, request, email_address):
        """Also make the tokens useless that were mailed to the address: their questions are in the account now."""
        confirmed = super().confirm_email(request, email_address)
        if confirmed:
            links.retire_tokens(email_address.email, now=timezone.now())
        return confirmed

    def set_password(self, user, password):
        """Also make the tokens useless that were mailed to the address."""
        super().set_password(user, password)
        links.retire_tokens(user.email, now=timezone.now())

    def post_login(self, request, user, **kwargs):
        """Also mark the browser as known for this log-in."""
        logger.info("log-in user=%s", user.pk)
        response = super().post_login(request, user, **kwargs)
        known_browsers.remember(request, response, user.email)
        return response

    def _get_login_attempts_cache_key(self, request, **credentials):
        """Count tries from a known browser separately: tries of an attacker elsewhere do not lock the owner out."""
        key = super()._get_login_attempts_cache_key(request, **credentials)
        browser = known_browsers.browser_id(
            request, credentials.get("email", credentials.get("username", ""))
        )
        return f"{key}:{browser}" if browser else key

    def _delete_login_attempts_cached_email(self, request, **credentials):
        """Delete the counter shared by all other browsers too: after a new password no browser is locked out."""
        super()._delete_login_attempts_cached_email(request, **credentials)
        shared = super()._get_login_attempts_cache_key(request, **credentials)
        ratelimit.clear(request, app="allauth.account", action="login_failed", key=shared)

    def authentication_failed(self, request, **credentials):
        """Log the failure, without the typed address."""
        logger.warning("log-in refused")

    def is_reauthentication_required(self, *, app: str) -> bool:
        """Return whether a change asks for the password again. For the second factor a log-in of the last minutes is enough."""
        if not super().is_reauthentication_required(app=app):
            return False
        if app != "allauth.mfa":
            return True
        request = allauth_context.request
        steps = get_authentication_records(request, request.user)
        newest = max((step["at"] for step in steps), default=0)
        return time.time() - newest >= app_settings.REAUTHENTICATION_TIMEOUT

    def logout(self, request):
        """Also log it."""
        logger.info("log-out user=%s", request.user.pk)
        super().logout(request)

    def authenticate(self, request, **credentials):
        """Refuse a password longer than any can be, without hashing it."""
        if len(credentials.get("password", "")) <= passwords.LONGEST:
            return super().authenticate(request, **credentials)
        # Counted like any other wrong password.
        self.pre_authenticate(request, **credentials)
        self.authentication_failed(request, **credentials)
        return None

    def clean_email(self, email):
        return check_email(email)

    def is_safe_url(self, url):
        """Return whether the log-in may redirect to ``url``: only to paths of this site."""
        return is_a_path_of_ours(url or "")

    def get_login_redirect_url(self, request):
        pos = getattr(request, "pos", None)
        return f"/{pos.slug}/account/" if pos else super().get_login_redirect_url(request)
