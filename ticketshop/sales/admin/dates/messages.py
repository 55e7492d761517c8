"""On the page of a date: write to all buyers and ticket holders, and see what became of earlier messages."""

import re
import uuid
from collections import Counter

from django import forms
from django.conf import settings
from django.contrib import messages
from django.db import transaction
from django.http import HttpRequest
from django.template.response import TemplateResponse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext
from django.views.decorators.http import require_safe

from ticketshop.catalogue.admin.sessions import SessionAdmin
from ticketshop.catalogue.models import Session
from ticketshop.lib import translated
from ticketshop.lib.forms import json_hash
from ticketshop.lib.forms.fields import LineField, LinesField
from ticketshop.mail import kinds, mime_messages
from ticketshop.mail.models import Mail
from ticketshop.office.buttons import OwnPage, always, drawn
from ticketshop.office.sections import Section
from ticketshop.office.translated_admin import in_language

from ...models import STATE_TEXTS, Admission, DateMessage, MessageRecipient, Ticket
from ...orders.dates import date_messages
from ..tables import when

MAY_WRITE = ("catalogue.view_session", "sales.view_ticket", "sales.add_datemessage")
MAY_SEE = ("catalogue.view_session", "sales.view_datemessage")
BUYERS, HOLDERS = "buyers", "holders"
# The button that sends what the page before has shown.
SEND = "send"
# A hash of the message that the page before has shown: another one is shown first.
SEEN = "seen"
# The largest number of earlier messages that are listed.
MOST = 50


# The secret in the link to an order: a preview must not show it.
_SECRET = re.compile(r"(/orders/[^/\s]+/)[^/\s]+/")


class MessageForm(forms.Form):
    """Form: subject and text in the organiser's languages, and who gets it. The first language is required."""

    key = forms.UUIDField(widget=forms.HiddenInput)
    to = forms.MultipleChoiceField(
        label=gettext_lazy("To"),
        choices=[
            (BUYERS, gettext_lazy("Buyers")),
            (HOLDERS, gettext_lazy("Holders of tickets who have an e-mail address of their own")),
        ],
        initial=[BUYERS, HOLDERS],
        widget=forms.CheckboxSelectMultiple,
    )
    states = forms.MultipleChoiceField(
        label=gettext_lazy("With tickets that are"),
        choices=[(state.value, STATE_TEXTS[state]) for state in date_messages.STATES],
        initial=[Admission.State.VALID.value],
        widget=forms.CheckboxSelectMultiple,
        help_text=gettext_lazy(
            "Reserved: tickets of orders that are not paid yet. Only their buyers get the message."
        ),
    )

    def __init__(self, data, session: Session):
        super().__init__(data, initial={"key": uuid.uuid4()})
        self.codes = list(session.event.organiser.languages) or [settings.LANGUAGE_CODE]
        for code in self.codes:
            first = code == self.codes[0]
            attributes = {"lang": code}
            self.fields[f"subject_{code}"] = LineField(
                label=in_language(_("Subject"), code),
                required=first,
                max_length=120,
                widget=forms.TextInput(attrs={**attributes, "class": "vTextField"}),
            )
            self.fields[f"text_{code}"] = LinesField(
                label=in_language(_("Text"), code),
                required=first,
                max_length=4000,
                widget=forms.Textarea(attrs={**attributes, "rows": 8, "class": "vLargeTextField"}),
            )
        self.order_fields([*(name for name in self.fields if "_" in name), "to", "states"])

    def clean(self):
        """Check that each language has both texts or none, and that names in braces are known."""
        cleaned = super().clean()
        for code in self.codes:
            names = (f"subject_{code}", f"text_{code}")
            given = [name for name in names if cleaned.get(name)]
            if len(given) == 1 and not any(name in self.errors for name in names):
                missing = next(name for name in names if name not in given)
                self.add_error(missing, _("Write both subject and text in this language, or neither."))
            for name in given:
                if unknown := date_messages.unknown_names(cleaned[name]):
                    text = _("“%(name)s” is not known. Use one of these: %(names)s")
                    values = {"name": f"{{{unknown[0]}}}", "names": ", ".join(_names())}
                    self.add_error(name, text % values)
        return cleaned

    def draft(self) -> date_messages.Draft:
        """Return what was entered."""
        cleaned = self.cleaned_data
        subject = {code: cleaned[f"subject_{code}"] for code in self.codes if cleaned[f"subject_{code}"]}
        text = {code: cleaned[f"text_{code}"] for code in self.codes if cleaned[f"text_{code}"]}
        return date_messages.Draft(
            subject, text, cleaned["states"], buyers=BUYERS in cleaned["to"], holders=HOLDERS in cleaned["to"]
        )


def _hash(draft: date_messages.Draft) -> str:
    return json_hash.of([draft.subject, draft.text, sorted(draft.states), draft.buyers, draft.holders])


def _names() -> list[str]:
    return [f"{{{name}}}" for name in date_messages.PLACEHOLDERS]


class _Preview(Exception):
    """Ends the transaction in which a preview is made."""


def _previews(
    session: Session, draft: date_messages.Draft, people: list[date_messages.Addressee], by
) -> list[dict]:
    """Return the mail as the first recipient of each language gets it, and how many read it in that language.

    The message is stored for that, and taken back.
    """
    shown = []
    numbers = Counter(addressee.language for addressee in people)
    try:
        with transaction.atomic():
            message = date_messages.write(session, draft, key=uuid.uuid4(), by=by, now=timezone.now())
            assert message is not None
            for language, number in numbers.most_common():
                first = next(addressee for addressee in people if addressee.language == language)
                letter = _letter(message, first)
                if letter is not None:
                    shown.append({**letter, "language": language, "number": number})
            raise _Preview
    except _Preview:
        return shown


def _letter(message: DateMessage, addressee: date_messages.Addressee) -> dict[str, str] | None:
    """Return subject and text of the mail to a recipient, without the secret in the link to their order."""
    ticket = Ticket.objects.select_related("order__point_of_sale").get(pk=addressee.ticket)
    recipient = MessageRecipient.objects.get(message=message, role=addressee.role, ticket=ticket)
    mail = Mail(
        kind="date_message",
        organiser=message.organiser,
        point_of_sale=ticket.order.point_of_sale,
        about={"message": message.pk, "ticket": ticket.pk, "recipient": recipient.pk},
        recipient=addressee.address,
        language=addressee.language,
        created_at=message.made_at,
    )
    built = mime_messages.build(mail)
    if built is None:
        return None
    return {"subject": built.subject, "text": _SECRET.sub(r"\1…/", str(built.body))}


def _write_page(page, request: HttpRequest, session: Session):
    """Show the form; on POST the mail as it will look and how many get it; with the button *send*, send it."""
    posted = request.method == "POST"
    form, previews, people = MessageForm(request.POST if posted else None, session), [], []
    if posted and form.is_valid():
        draft, now = form.draft(), timezone.now()
        people = draft.addressees(session)
        if not people:
            form.add_error(None, _("Nobody would get this message: choose other tickets or people."))
        elif SEND in request.POST and request.POST.get(SEEN) == _hash(draft):
            key = form.cleaned_data["key"]
            message = date_messages.write(session, draft, key=key, by=request.user, now=now)
            _tell(request, message)
            return page.back_to(session)
        else:
            previews = _previews(session, draft, people, request.user)
    context = {
        **page.about_row(request, session, WRITE.label),
        "form": drawn(form),
        "names": [(f"{{{name}}}", text) for name, text in date_messages.PLACEHOLDERS.items()],
        "previews": previews,
        "number": len(people),
        "send": SEND,
        "seen": _hash(form.draft()) if previews else "",
        "changed": SEND in request.POST and bool(previews),
        "saved": None,
    }
    return TemplateResponse(request, "admin/sales/date_message.html", context)


def _tell(request: HttpRequest, message: DateMessage | None) -> None:
    if message is None:
        messages.warning(request, _("This message was sent already. It is not sent again."))
        return
    number = message.recipients.count()
    sentence = ngettext(
        "The message goes to %(count)d person.", "The message goes to %(count)d people.", number
    )
    messages.success(request, sentence % {"count": number})


# --- what became of them ---------------------------------------------------------------------------------------
def _list_page(page, request: HttpRequest, session: Session):
    """Show the messages of a date with their texts, and how many were sent."""

    @require_safe
    def safe(request):
        """Answer GET requests only."""
        rows = list(
            DateMessage.objects.filter(session=session).select_related("made_by").order_by("-pk")[:MOST]
        )
        sections = [_section(message, counted) for message, counted in _counted(rows)]
        context = {**page.about_row(request, session, LIST.label), "sections": sections}
        return TemplateResponse(request, "admin/sales/date_messages.html", context)

    return safe(request)


def _counted(rows: list[DateMessage]):
    counts = date_messages.counts(rows)
    return [(message, counts[message.pk]) for message in rows]


def _section(message: DateMessage, counted: Counter) -> dict:
    """Return a message for the list: its table of numbers, and its text."""
    waiting = counted[date_messages.OPEN] + counted[Mail.State.QUEUED]
    failed = sum(counted[state] for state in (Mail.State.FAILED, Mail.State.BOUNCED, Mail.State.COMPLAINED))
    sent = counted[Mail.State.SENT]
    total = sum(counted.values())
    is_reminder = message.kind == DateMessage.Kind.REMINDER
    title = kinds.label(date_messages.MAIL_KINDS[message.kind]) if is_reminder else message.subject_text
    table = Section(
        title,
        [_("written"), _("by"), _("people"), _("waiting"), _("sent"), _("failed"), _("not needed any more")],
        [
            [
                when(message.made_at),
                message.made_by.email if message.made_by else None,
                total,
                waiting,
                sent,
                failed,
                total - waiting - sent - failed,
            ]
        ],
    )
    return {"table": table, "text": translated.text_of(message.text)}


def _has_people(session: Session) -> bool:
    return date_messages.tickets_of(session, date_messages.STATES).exists()


WRITE = OwnPage("message", gettext_lazy("Write to everybody"), MAY_WRITE, _has_people, _write_page)
LIST = OwnPage("messages", gettext_lazy("Messages of this date"), MAY_SEE, always, _list_page)
for button in (WRITE, LIST):
    SessionAdmin.offer(button)
