"""The mails about one's own data. Their links are made when a mail is sent, so no token is stored in the queue."""

from django.conf import settings
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from ticketshop.exports import kinds as exports
from ticketshop.lib.values.text import normalise_email
from ticketshop.mail.kinds import Content, register
from ticketshop.mail.models import Mail

from ..copies import unlinked_data
from ..erasure import downloaded_lists, due_dates, last_mail
from ..models import Erasure
from ..plan import outcome
from . import requests


def _url(mail: Mail, name: str, *args: str) -> str:
    return settings.BASE_URL + reverse(name, args=[mail.point_of_sale.slug, *args])


@register("data_link", _("Link to one’s own data"))
def data_link(mail: Mail) -> Content:
    """To the address a visitor typed: the link to its data; if no contact has the address, the kinds of rows that contain it."""
    organiser = mail.point_of_sale.organiser
    if requests.of_mailbox(organiser, mail.recipient).exists():
        url = _url(mail, "data:open", requests.new_proof(organiser, mail.recipient, timezone.now()))
        return Content({"organiser": organiser, "known": True, "url": url})
    kinds = unlinked_data.kinds(organiser, mail.recipient)
    contact = organiser.privacy_contact or mail.point_of_sale.email_sender_address
    url = _url(mail, "data:about")
    return Content({"organiser": organiser, "known": False, "kinds": kinds, "contact": contact, "url": url})


@register("data_delete", _("Confirm the request to be forgotten"))
def data_delete(mail: Mail) -> Content | None:
    """To the contact's address: the link that confirms the request. No mail if it is confirmed or has ended."""
    erasure = (
        Erasure.objects.filter(
            pk=mail.about["erasure"], state=Erasure.State.REQUESTED, token_expires_at__gt=timezone.now()
        )
        .select_related("contact__user", "organiser")
        .first()
    )
    if erasure is None or mail.recipient != normalise_email(requests.address_of(erasure.contact)):
        return None
    url = _url(mail, "data:confirm", requests.new_token(erasure))
    return Content({"organiser": erasure.organiser, "url": url, "days": requests.TO_CONFIRM.days})


@register("data_asked", _("Somebody asks to be forgotten"))
def data_asked(mail: Mail) -> Content | None:
    """To staff who may answer: the link to the request, and nothing about the person. No mail once the erasure has begun."""
    erasure = _unanswered(mail)
    return Content({"erasure": erasure, "url": _page_of(erasure)}) if erasure else None


@register(last_mail.DONE, _("Your data are erased"), forgets_recipient=True)
def data_done(mail: Mail) -> Content | None:
    """To the person or their parent: what was erased, what is retained and why. No mail before the erasure is closed."""
    return _outcome(mail, Erasure.State.CLOSED)


@register(last_mail.BEGUN, _("Your data are partly erased"), forgets_recipient=True)
def data_begun(mail: Mail) -> Content | None:
    """To the person or their parent: what was erased, and what is deferred. No mail once the rest is erased, too."""
    return _outcome(mail, Erasure.State.DEFERRED)


def _outcome(mail: Mail, state: str) -> Content | None:
    erasure = (
        Erasure.objects.select_related("organiser").filter(pk=mail.about["erasure"], state=state).first()
    )
    if erasure is None:
        return None
    return Content(
        {
            "erasure": erasure,
            "organiser": erasure.organiser,
            "outcome": outcome.of(erasure),
            "child": mail.about.get("child", False),
        }
    )


@register("data_due", _("A request to be forgotten is due"))
def data_due(mail: Mail) -> Content | None:
    """To staff who may answer: a reminder. No mail once the request has begun, or is refused or withdrawn."""
    erasure = _unanswered(mail)
    if erasure is None:
        return None
    overdue = due_dates.is_overdue(erasure, timezone.now())
    return Content({"erasure": erasure, "url": _page_of(erasure), "overdue": overdue})


def _unanswered(mail: Mail) -> Erasure | None:
    """Return the request a mail to staff is about, if staff have not answered it yet."""
    return Erasure.objects.filter(pk=mail.about["erasure"], state=Erasure.State.CONFIRMED).first()


def _page_of(erasure: Erasure) -> str:
    return settings.BASE_URL + reverse("admin:privacy_erasure_change", args=[erasure.pk])


@register("data_extended", _("A request to be forgotten takes longer"))
def data_extended(mail: Mail) -> Content | None:
    """To the person: the new due date, and why."""
    return _answer(mail, Erasure.State.CONFIRMED)


@register("data_refused", _("A request to be forgotten is refused"))
def data_refused(mail: Mail) -> Content | None:
    """To the person: why the request is refused, and to whom one may complain."""
    return _answer(mail, Erasure.State.REFUSED)


def _answer(mail: Mail, state: str) -> Content | None:
    erasure = (
        Erasure.objects.select_related("organiser").filter(pk=mail.about["erasure"], state=state).first()
    )
    if erasure is None:
        return None
    child = mail.about.get("child", False)
    url = _url(mail, "account:data" if child else "data:ask")
    return Content({"erasure": erasure, "organiser": erasure.organiser, "url": url, "child": child})


@register("data_copies", _("Delete a list you have downloaded"))
def data_copies(mail: Mail) -> Content | None:
    """To a user who downloaded lists with an erased person: which lists, and nothing about the person. No mail once they are deleted."""
    erasure = Erasure.objects.filter(pk=mail.about["erasure"], copies_deleted_at=None).first()
    downloads = downloaded_lists.downloaded_by(erasure, mail.recipient) if erasure else []
    if erasure is None or not downloads:
        return None
    files = [(exports.title(download.job), download.at) for download in downloads]
    # Without the right to see the receipt, the mail asks the user to tell a colleague.
    may_note = downloads[0].by.has_perm("privacy.manage_request", erasure)
    url = settings.BASE_URL + reverse("admin:privacy_erasure_change", args=[erasure.pk])
    return Content({"erasure": erasure, "files": files, "may_note": may_note, "url": url})
