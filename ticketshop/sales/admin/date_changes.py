"""Confirmation before an event, a date or a venue is saved whose change concerns ticket holders."""

from datetime import datetime

from django import forms
from django.db.models import Model, QuerySet
from django.http import HttpRequest
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from ticketshop.catalogue import dates
from ticketshop.catalogue.admin.events import EventAdmin
from ticketshop.catalogue.admin.places import VenueAdmin
from ticketshop.catalogue.admin.sessions import SessionAdmin
from ticketshop.catalogue.models import Event, Session, Venue
from ticketshop.lib.forms import json_hash
from ticketshop.lib.forms.fields import LinesField
from ticketshop.lib.web.template_tags import colon
from ticketshop.office.mixins.confirmation import Question
from ticketshop.organisers import permissions, role_names
from ticketshop.organisers.models import Organiser

from ..orders.dates import date_changes

# The largest number of dates, and of orders without an e-mail address, that are named.
NAMED = 20


MESSAGE_HELP = gettext_lazy(
    "For example why, and what becomes of their money. It stands in the e-mail and on the page of each order."
)


class MessageForm(forms.Form):
    """The organiser's message to the people concerned."""

    message = LinesField(
        label=gettext_lazy("Your message to them"),
        required=False,
        max_length=1000,
        help_text=MESSAGE_HELP,
    )


class OptionalMessageForm(MessageForm):
    """The message for changes other than cancelled or moved dates: staff decide whether to send a mail, since it
    may be a correction of spelling.
    """

    tell = forms.BooleanField(
        label=gettext_lazy("Tell them by e-mail"),
        required=False,
        initial=True,
        help_text=gettext_lazy("Pages, tickets and calendar files show the change in any case."),
    )


class DatesWatch:
    """Compares the dates on a page that have tickets, before and after it is saved."""

    def __init__(self, row: Event | Session | Venue):
        self.row = row
        self.before = dates.facts_of(date_changes.sold_sessions(_sessions_of(row)), lock=True)

    def changes(self) -> date_changes.Changes:
        """Return session id -> facts before and after, for changed dates that are not over."""
        now, after = timezone.now(), dates.facts_of(self.before)
        return {
            pk: (before, after[pk])
            for pk, before in self.before.items()
            if pk in after and before.changes(after[pk]) and max(before.ends_at, after[pk].ends_at) > now
        }

    def question(self) -> Question | None:
        """Return the question to confirm, or None if nothing relevant changed."""
        changes = self.changes()
        if not changes:
            return None
        weighty = any(
            before.changes(after) & {"cancelled", "starts_at"} for before, after in changes.values()
        )
        cancels = all(after.cancelled for _before, after in changes.values())
        return Question(
            title=_("Cancel dates that people have tickets for?")
            if cancels
            else _("Change dates that people have tickets for?"),
            button=_("Cancel the dates and tell them") if cancels else _("Save and tell them"),
            sentences=[*_what_changes(changes), *whom(date_changes.impact(changes)), *_afterwards(cancels)],
            fingerprint=_fingerprint(changes),
            form=MessageForm if weighty else OptionalMessageForm,
        )

    def carry_out(self, request: HttpRequest, entered: dict, now: datetime) -> str:
        """Announce the changes with the message that was entered."""
        changes, tell = self.changes(), entered.get("tell", True)
        organiser = Organiser.objects.get(pk=permissions.organiser_id_of(self.row))
        date_changes.announce(
            changes, organiser=organiser, message=entered["message"], tell=tell, by=request.user, now=now
        )
        if not tell:
            return _("Every page and ticket shows the change. Nobody is told by e-mail.")
        return _("Every page and ticket shows the change. The people concerned are told by e-mail.")


def _sessions_of(row: Model) -> QuerySet[Session]:
    """Return the dates whose facts are on the page of a row."""
    if isinstance(row, Session):
        return Session.objects.filter(pk=row.pk)
    path = "event__venue" if isinstance(row, Venue) else "event"
    return Session.objects.filter(**{path: row.pk})


def _fingerprint(changes: date_changes.Changes) -> str:
    content = {str(pk): [before.as_json(), after.as_json()] for pk, (before, after) in changes.items()}
    return json_hash.of(content)


def _what_changes(changes: date_changes.Changes) -> list[str]:
    named = [
        f"{colon(f'{before.title_text}, {dates.when(before.starts_at)}')} {' '.join(dates.describe(before, after))}"
        for before, after in list(changes.values())[:NAMED]
    ]
    if (more := len(changes) - NAMED) > 0:
        named.append(
            ngettext("And %(count)d more date.", "And %(count)d more dates.", more) % {"count": more}
        )
    return named


def whom(impact: date_changes.Impact) -> list[str]:
    """Return how many people and orders are concerned, and who can't be told."""
    tickets = ngettext("%(count)d ticket", "%(count)d tickets", impact.tickets) % {"count": impact.tickets}
    orders = ngettext("%(count)d order", "%(count)d orders", impact.orders) % {"count": impact.orders}
    people = ngettext("%(count)d person", "%(count)d people", impact.people) % {"count": impact.people}
    sentences = [
        _("Concerned: %(people)s, %(tickets)s in %(orders)s.")
        % {"people": people, "tickets": tickets, "orders": orders}
    ]
    if impact.unreachable:
        named = ", ".join(impact.unreachable[:NAMED])
        if len(impact.unreachable) > NAMED:
            named += " …"
        sentences.append(
            ngettext(
                "The buyer of this order has no e-mail address; tell them yourself: %(orders)s",
                "The buyers of these orders have no e-mail address; tell them yourself: %(orders)s",
                len(impact.unreachable),
            )
            % {"orders": named}
        )
    if impact.unnamed:
        sentences.append(
            ngettext(
                "%(count)d of the orders was sold without a name, or its buyer is erased: nobody can be told. Put up a notice at the box office.",
                "%(count)d of the orders were sold without a name, or their buyers are erased: nobody can be told. Put up a notice at the box office.",
                impact.unnamed,
            )
            % {"count": impact.unnamed}
        )
    return sentences


def _afterwards(cancels: bool) -> list[str]:
    sentences = [_("Each buyer gets one e-mail, and so does everybody who has their ticket by e-mail.")]
    if cancels:
        sentences.append(
            _(
                "Their tickets are no longer valid. Money is not paid back by itself: “Pay this date back” on the page of the date does it for all orders. Who can: %(roles)s."
            )
            % {"roles": role_names.who_may("sales.change_refund")}
        )
    return sentences


for page in (EventAdmin, SessionAdmin, VenueAdmin):
    page.ask_first(DatesWatch)
