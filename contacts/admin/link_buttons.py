"""The buttons of a connection: send the request again, record consent, change the permission, end it.

For each button: a function that decides whether it is offered, one that returns the sentences of its question, and one
that acts and returns the message.
"""

from datetime import datetime

from django import forms
from django.contrib import messages
from django.utils.translation import get_language, gettext_lazy
from django.utils.translation import gettext as _

from contacts.linking import adding, links, staff_links
from contacts.models import ContactLink
from ticketshop.lib.forms.fields import LineField
from ticketshop.office.buttons import Button, Outcome
from ticketshop.organisers.models import PointOfSale

CHANGE = ("contacts.change_contactlink",)


def shop_of(link: ContactLink) -> PointOfSale | None:
    """Return the point of sale a mail about the link is sent for: where the link was made, else the organiser's first."""
    shops = PointOfSale.objects.filter(organiser=link.organiser_id).select_related("organiser")
    return shops.filter(pk=link.origin_pos_id).first() or shops.order_by("pk").first()


def both(link: ContactLink) -> dict[str, str]:
    """Return the names of parent and child, to fill in texts."""
    return {
        "parent": link.parent.full_name or str(link.parent),
        "child": link.child.full_name or str(link.child),
    }


# --- resend -----------------------------------------------------------------------------------------
def _may_be_told(link: ContactLink) -> bool:
    return not _why_not_told(link)


def _why_not_told(link: ContactLink) -> str:
    """Return the reason why no mail can go out, as a sentence; empty if it can."""
    sent = getattr(link, "request", None)
    if not link.is_open:
        return _("The connection is over.")
    if link.consent_at is not None:
        return _("%(child)s has agreed already.") % both(link)
    if link.parent.blocked_at is not None:
        return _("%(parent)s is blocked.") % both(link)
    if not link.child.email:
        return _("%(child)s has no e-mail address.") % both(link)
    if sent is not None and sent.resend_count >= links.RESENDS:
        return _("The request was sent again %(count)d times already.") % {"count": links.RESENDS}
    return ""


def _why_not_sent(user, link: ContactLink) -> str:
    """Return why no mail can go out, also because no shop would send it; empty if it can."""
    reason = _why_not_told(link)
    if reason or shop_of(link) is not None:
        return reason
    return _("Nothing goes out: there is no point of sale it could speak for.")


def _resend_question(link: ContactLink) -> list[str]:
    return [
        _("%(child)s gets an e-mail that says that %(parent)s is connected with them, and may answer it.")
        % both(link),
        _("It goes to %(address)s. The link in an earlier e-mail stops working.")
        % {"address": link.child.email},
    ]


def _resend(request, link: ContactLink, now: datetime) -> Outcome:
    pos = shop_of(link)
    if pos is None:
        return messages.ERROR, _why_not_sent(request.user, link)
    requester = adding.Requester(by=request.user, pos=pos, network="", language=get_language() or "")
    if links.resend(link, requester, now=now):
        return messages.SUCCESS, _("The e-mail goes out in a moment.")
    reason = _why_not_told(link) or _(
        "This address was told a short while ago, or its owner wants no more e-mails of this kind."
    )
    return messages.WARNING, _("Nothing goes out. %(reason)s") % {"reason": reason}


# --- consent ----------------------------------------------------------------------------------------
class ConsentForm(forms.Form):
    """The reason why staff record the consent of a child."""

    reason = LineField(
        label=gettext_lazy("How you know"),
        max_length=240,
        help_text=gettext_lazy("For example: signed form of 3 May, in the file."),
        error_messages={"required": gettext_lazy("Write how you know that the person agrees.")},
        widget=forms.TextInput(attrs={"class": "vTextField", "autocomplete": "off"}),
    )

    def __init__(self, data, link: ContactLink):
        super().__init__(data)


def _waits(link: ContactLink) -> bool:
    return link.status == ContactLink.Status.PENDING


def _consent_question(link: ContactLink) -> list[str]:
    return [
        _("%(child)s has told you, on paper or by phone, that they agree to be connected with %(parent)s.")
        % both(link),
        _("The connection becomes active. Your reason is kept with it."),
    ]


def _record_consent(request, link: ContactLink, now: datetime, entered: dict) -> Outcome:
    if staff_links.record_consent(link, reason=entered["reason"], by=request.user, now=now):
        return messages.SUCCESS, _("The consent is written down, and the connection active.")
    return messages.WARNING, _("This connection does not wait for an answer. Nothing has changed.")


# --- permission ---------------------------------------------------------------------------------------
class PermissionForm(forms.Form):
    """The permission of the parent."""

    permission = forms.ChoiceField(
        label=gettext_lazy("The parent may"),
        choices=ContactLink.Permission.choices,
        widget=forms.RadioSelect,
        error_messages={"required": gettext_lazy("Choose what the parent may do.")},
    )

    def __init__(self, data, link: ContactLink):
        super().__init__(data, initial={"permission": link.permission_parent})


def _is_open(link: ContactLink) -> bool:
    return link.is_open


def _why_over(user, link: ContactLink) -> str:
    return _("This connection is over already. Nothing has changed.")


def _allow_question(link: ContactLink) -> list[str]:
    now = {"permission": link.get_permission_parent_display(), **both(link)}
    return [
        _("%(parent)s may do this for %(child)s now: %(permission)s.") % now,
        _("Let them do more only if %(child)s wants it.") % now,
    ]


def _allow(request, link: ContactLink, now: datetime, entered: dict) -> Outcome:
    if not link.is_open:
        return messages.WARNING, _("This connection is over already. Nothing has changed.")
    links.change_permission(link, entered["permission"], by=request.user, now=now)
    return messages.SUCCESS, _("Saved.")


# --- end ----------------------------------------------------------------------------------------------
def _end_question(link: ContactLink) -> list[str]:
    return [
        _("%(parent)s and %(child)s are no longer connected.") % both(link),
        _("Both contacts, their orders and their tickets stay as they are. Nobody is told."),
    ]


def _end(request, link: ContactLink, now: datetime) -> Outcome:
    if links.end(link, reason="ended", by=request.user, now=now):
        return messages.SUCCESS, _("The connection is ended.")
    return messages.WARNING, _("This connection is over already. Nothing has changed.")


RESEND = Button(
    "resend",
    gettext_lazy("Resend the request"),
    CHANGE,
    _may_be_told,
    _resend_question,
    _resend,
    why_not=_why_not_sent,
    why_not_offered=_why_not_sent,
)
CONSENT = Button(
    "consent",
    gettext_lazy("Record consent"),
    CHANGE,
    _waits,
    _consent_question,
    _record_consent,
    form=ConsentForm,
    why_not_offered=lambda user, link: _("This connection does not wait for an answer. Nothing has changed."),
)
ALLOW = Button(
    "allow",
    gettext_lazy("Change what it allows"),
    CHANGE,
    _is_open,
    _allow_question,
    _allow,
    form=PermissionForm,
    why_not_offered=_why_over,
)
END = Button(
    "end",
    gettext_lazy("End the connection"),
    CHANGE,
    _is_open,
    _end_question,
    _end,
    serious=True,
    why_not_offered=_why_over,
)
ALL = (RESEND, CONSENT, ALLOW, END)
