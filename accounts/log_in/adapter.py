"""What django-allauth asks of us: mails go out from the worker, links come from BASE_URL."""

import logging

from allauth.account.adapter import DefaultAccountAdapter
from allauth.core import context as allauth_context
from allauth.core.internal import ratelimit
from django.db import transaction
from django.utils import timezone, translation
from django.utils.translation import gettext_lazy as _

from contacts import contacts, links
from ticketshop.lib.addresses import is_a_path_of_ours
from ticketshop.lib.email_addresses import check_email
from ticketshop.mail import outbox

from ..models import User
from . import known_browsers, passwords

logger = logging.getLogger("ticketshop.accounts")
# allauth's template prefix -> our kind of mail.
KINDS = {
    "account/email/email_confirmation": "account_confirm",
    "account/email/email_confirmation_signup": "account_confirm",
    "account/email/email_changed": "account_changed",
    "account/email/password_reset_key": "account_reset",
    "account/email/unknown_account": "account_unknown",
    "account/email/account_already_exists": "account_exists",
}


class AccountAdapter(DefaultAccountAdapter):
    """Accounts of visitors and staff."""

    error_messages = {
        **DefaultAccountAdapter.error_messages,
        "too_many_login_attempts": _(
            "Too many failed log-in attempts. Wait a few minutes, or choose a new password by “Forgot your password?”: then you can log in at once."
        ),
    }

    def send_mail(self, template_prefix, email, context_values=None, **kwargs):
        """Queue the mail: no request waits for a mail server, and no token lies in a queue.

        The worker makes the link when the mail leaves, from the ids kept here.
        """
        values = context_values or kwargs.get("context") or {}
        user = values.get("user")
        with transaction.atomic():
            # Held, so that an erasure takes the mail along; a log-in that is gone is told nothing more.
            if user is None or User.objects.select_for_update(no_key=True).filter(pk=user.pk).exists():
                self._queue(template_prefix, email, {"user": user.pk} if user else {})

    def send_notification_mail(self, template_prefix, user, context=None, email=None):
        """Tell the earlier and the new address that a log-in has another one; of nothing else."""
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
        confirmed = super().confirm_email(request, email_address)
        if confirmed:
            links.retire_tokens(email_address.email, now=timezone.now())
        return confirmed

    def set_password(self, user, password):
        super().set_password(user, password)
        links.retire_tokens(user.email, now=timezone.now())

    def post_login(self, request, user, **kwargs):
        logger.info("log-in user=%s", user.pk)
        response = super().post_login(request, user, **kwargs)
        known_browsers.remember(request, response, user.email)
        return response

    def _get_login_attempts_cache_key(self, request, **credentials):
        """Count a browser that is known for this log-in by itself: a stranger's tries elsewhere do not lock it out."""
        key = super()._get_login_attempts_cache_key(request, **credentials)
        browser = known_browsers.number_of(request, credentials.get("email", credentials.get("username", "")))
        return f"{key}:{browser}" if browser else key

    def _delete_login_attempts_cached_email(self, request, **credentials):
        """After a new password nobody is locked out: neither this browser nor the others."""
        super()._delete_login_attempts_cached_email(request, **credentials)
        shared = super()._get_login_attempts_cache_key(request, **credentials)
        ratelimit.clear(request, app="allauth.account", action="login_failed", key=shared)

    def authentication_failed(self, request, **credentials):
        logger.warning("log-in refused")

    def logout(self, request):
        logger.info("log-out user=%s", request.user.pk)
        super().logout(request)

    def authenticate(self, request, **credentials):
        if len(credentials.get("password", "")) <= passwords.LONGEST:
            return super().authenticate(request, **credentials)
        # Nobody's, and not worth hashing; a try all the same.
        self.pre_authenticate(request, **credentials)
        self.authentication_failed(request, **credentials)
        return None

    def clean_email(self, email):
        return check_email(email)

    def is_safe_url(self, url):
        """Where log-in may lead: paths of this site only."""
        return is_a_path_of_ours(url or "")

    def get_login_redirect_url(self, request):
        pos = getattr(request, "pos", None)
        return f"/{pos.slug}/account/" if pos else super().get_login_redirect_url(request)
