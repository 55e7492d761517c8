"""The test e-mail that staff send to themselves from the page *Ready to open?*, and what became of it."""

from datetime import datetime

from django.conf import settings
from django.urls import reverse
from django.utils.formats import date_format
from django.utils.timezone import localtime
from django.utils.translation import get_language, gettext_lazy
from django.utils.translation import gettext as _

from ticketshop.history import history
from ticketshop.mail import outbox
from ticketshop.mail.kinds import Content, register
from ticketshop.mail.models import Mail
from ticketshop.organisers.models import PointOfSale

KIND = "mail_check"
State = Mail.State
# Beginnings of ``Mail.error`` -> what the mail server did.
_REASONS = {
    "SMTPRecipientsRefused": gettext_lazy("it does not accept this recipient"),
    "AnymailRecipientsRefused": gettext_lazy("it does not accept this recipient"),
    "SMTPSenderRefused": gettext_lazy("it does not accept the sender"),
    "SMTPDataError": gettext_lazy("it does not accept the e-mail"),
    "SMTPAuthenticationError": gettext_lazy("it does not accept the log-in of this shop"),
}
_UNREACHED = gettext_lazy("it does not answer")


@register(KIND, gettext_lazy("Test e-mail"))
def mail_check(mail: Mail) -> Content:
    """Build the test e-mail."""
    assert mail.point_of_sale is not None
    ready = reverse("admin:organisers_pointofsale_ready", args=[mail.point_of_sale.pk])
    return Content({"url": settings.BASE_URL + ready, "reply_to": mail.point_of_sale.email_sender_address})


def send(pos: PointOfSale, *, by, now: datetime) -> None:
    """Queue a test e-mail of a shop to the staff member who asks for it."""
    outbox.queue(KIND, to=by.email, language=get_language() or "", now=now, about={"user": by.pk}, pos=pos)
    history.record(pos, "mail_checked", by=by, now=now)


def outcome(pos: PointOfSale, user) -> str:
    """Return what became of the last test e-mail of a shop to this staff member, in a sentence; empty if there was none. One query."""
    rows = Mail.objects.filter(about__user=user.pk, about__has_key="user", kind=KIND, point_of_sale=pos)
    mail = rows.order_by("-pk").first()
    if mail is None:
        return ""
    values = {
        "time": date_format(localtime(mail.created_at), "SHORT_DATETIME_FORMAT"),
        "address": mail.recipient,
        "reason": _reason(mail.error),
    }
    if mail.state == State.QUEUED:
        text = _waiting(mail)
    elif mail.state in (State.SENT, State.COMPLAINED):
        text = _(
            "The test e-mail of %(time)s to %(address)s was sent. If you do not find it, look in the spam folder."
        )
    elif mail.state == State.BOUNCED:
        text = _("The test e-mail of %(time)s to %(address)s came back: the mailbox does not take it.")
    else:
        text = _("The mail server refused the test e-mail of %(time)s to %(address)s: %(reason)s.")
    return text % values


def _waiting(mail: Mail) -> str:
    if mail.error:
        return _(
            "The test e-mail of %(time)s to %(address)s is still waiting. The mail server did not take it: %(reason)s. It is tried again automatically."
        )
    return _(
        "The test e-mail of %(time)s to %(address)s is waiting to be sent. Load this page again in a moment."
    )


def _reason(error: str) -> str:
    """Return what the mail server did, with its code: “it does not accept this recipient (550)”."""
    name, _space, code = error.partition(" ")
    reason = str(_REASONS.get(name, _UNREACHED))
    return f"{reason} ({code})" if code else reason
