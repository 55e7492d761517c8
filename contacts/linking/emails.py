"""The mails to an added person: which organiser has their data, which data, from whom, and what they can do about it.

The builders return None, which cancels the mail, once the link has ended or is answered, or the address has changed.
"""

from django.conf import settings
from django.contrib.auth import get_user_model
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from contacts.models import ContactLink
from ticketshop.lib.values.text import normalise_email
from ticketshop.mail.kinds import Content, register
from ticketshop.mail.models import Mail

from . import link_mail


def _content(mail: Mail) -> Content | None:
    link = (
        ContactLink.objects.filter(pk=mail.about["link"], status__in=ContactLink.OPEN)
        .select_related("parent", "child", "organiser", "request")
        .first()
    )
    if link is None or link.request.used_at or normalise_email(mail.recipient) != link.request.address_key:
        return None
    # Made when the mail leaves, so that the queue contains no token. A second try to send makes the first token useless.
    token = link_mail.new_token(link.request, days=link.organiser.link_request_days, now=timezone.now())
    return Content(
        {
            "link": link,
            "parent_name": link.parent.full_name,
            "organiser": link.organiser,
            "pending": link.status == ContactLink.Status.PENDING,
            "can_claim": link.child.user_id is None,
            "has_log_in": link.child.user_id is None and _has_log_in(link.request.address_key),
            "address_was_typed": link.typed_by_parent and link.entered_email == link.child.email_key,
            "url": settings.BASE_URL + reverse("links:show", args=[token]),
            "days": link.organiser.link_request_days,
        }
    )


def _has_log_in(email: str) -> bool:
    """Return whether an active log-in of the installation has proved this e-mail address."""
    users = get_user_model().objects.filter(email=email, is_active=True)
    return users.filter(emailaddress__email__iexact=email, emailaddress__verified=True).exists()


@register("link_new", _("Connection with a person who was not known"))
def link_new(mail: Mail) -> Content | None:
    """Build the mail to a person the organiser did not know."""
    return _content(mail)


@register("link_known", _("Connection with a person who was known"))
def link_known(mail: Mail) -> Content | None:
    """Build the mail to a person the organiser knew; it does not mention that anything was created."""
    return _content(mail)


@register("link_invited", _("Invitation to an account of one’s own"))
def link_invited(mail: Mail) -> Content | None:
    """Build the invitation, to the owner of the address, to take over the account of a person added without one."""
    return _content(mail)
