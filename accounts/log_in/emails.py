"""The mails about a log-in. Their links are made when the mail leaves. A builder that returns None cancels the mail."""

from allauth.account import app_settings
from allauth.account.models import EmailAddress, EmailConfirmationHMAC
from allauth.account.utils import user_pk_to_url_str
from django.conf import settings
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from privacy.requests import requests
from ticketshop.mail.kinds import Content, register
from ticketshop.mail.models import Mail

from ..links import claiming
from ..models import User


def _url(mail: Mail, name: str, *args) -> str:
    """Return an absolute URL below BASE_URL, in the look of the shop the person came from."""
    home = f"?next=/{mail.point_of_sale.slug}/account/" if mail.point_of_sale else ""
    return f"{settings.BASE_URL}{reverse(name, args=args)}{home}"


@register("account_confirm", _("Confirm the e-mail address"))
def confirm(mail: Mail) -> Content | None:
    """Build the mail whose link proves the mailbox; None if that is done."""
    address = EmailAddress.objects.filter(
        user_id=mail.about.get("user"), email__iexact=mail.recipient
    ).first()
    if address is None or address.verified:
        return None
    url = _url(mail, "account_confirm_email", EmailConfirmationHMAC(address).key)
    # The log-in has another address, which this one replaces.
    return Content({"url": url, "changes": address.user.email != address.email})


@register("account_changed", _("Another e-mail address to log in with"))
def changed(mail: Mail) -> Content | None:
    """Build the mail to the former and to the new address that it has changed; it does not contain the other address."""
    user = User.objects.filter(pk=mail.about.get("user")).first()
    if user is None:
        return None
    pos = mail.point_of_sale
    home = reverse("account:home", args=[pos.slug]) if pos else reverse("home")
    return Content({"is_new": mail.recipient == user.email, "url": f"{settings.BASE_URL}{home}"})


@register("account_factor", _("Second step at the log-in changed"))
def factor(mail: Mail) -> Content | None:
    """Build the mail to the owner of a log-in after a change of its second factor; ``why`` is the end of allauth's template."""
    user = User.objects.filter(pk=mail.about.get("user")).first()
    if user is None:
        return None
    return Content({"why": mail.about.get("why", ""), "url": _url(mail, "account_security")})


@register("account_reset", _("Choose a new password"))
def reset(mail: Mail) -> Content | None:
    """Build the mail whose link chooses a new password."""
    user = User.objects.filter(pk=mail.about.get("user"), is_active=True).first()
    if user is None:
        return None
    token = app_settings.PASSWORD_RESET_TOKEN_GENERATOR().make_token(user)
    return Content({"url": _url(mail, "account_reset_password_from_key", user_pk_to_url_str(user), token)})


@register("account_unknown", _("New password where there is no log-in"))
def unknown(mail: Mail) -> Content:
    """Build the mail for a new password where there is no log-in.

    If the shop has a contact with this address, such as an added person without a log-in, its link
    chooses a first password; else it leads to the sign-up.
    """
    pos = mail.point_of_sale or claiming.shop_of_added_person(mail.recipient)
    if pos is None or not claiming.claimable(pos.organiser, mail.recipient):
        return Content({"url": _url(mail, "account_signup")})
    token = requests.new_proof(pos.organiser, mail.recipient, timezone.now())
    url = f"{settings.BASE_URL}{reverse('first_password', args=[token])}?next=/{pos.slug}/account/"
    return Content({"claim": True, "shop": pos.name, "url": url})


@register("account_exists", _("Sign-up with a known address"))
def exists(mail: Mail) -> Content:
    """Build the mail to the owner of a log-in when a person signs up with its address again."""
    return Content({"url": _url(mail, "account_login"), "reset_url": _url(mail, "account_reset_password")})
