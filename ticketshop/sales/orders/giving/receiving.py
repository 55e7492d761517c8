"""Form for the person asked, filled in before they accept a ticket: the name on it, and the form of its tariff.

The form is empty: neither the buyer's answers nor those of a former participant are shown.
"""

from collections.abc import Mapping
from datetime import datetime

from django.utils.timezone import localtime

from contacts.models import Contact
from registration_forms import definitions
from registration_forms.answers import responses
from registration_forms.answers.limited_choices import ChoiceSoldOut
from registration_forms.models import FormVersion, RegistrationForm
from ticketshop.lib.web import language_choice

from ...admission_lists import heading
from ...answers import block_answers, form_blocks, moving, shown_questions
from ...answers.form_blocks import FormBlock
from ...models import Cart, Ticket, TicketGift
from ...tickets.name_forms import NameForm
from ...tickets.names import COLUMNS

NAME = "gift"


class _OwnBlock(FormBlock):
    """The form of a ticket, filled in by the person it is about."""

    @property
    def of_order(self) -> bool:
        # So that the browser may fill in the reader's own data.
        return True


class Receiving:
    """The forms of an offer for ``person``, the one asked. ``post``: what was posted, or None."""

    def __init__(self, gift: TicketGift, person: Contact, *, now: datetime, post=None):
        self.gift, self.person, self.now = gift, person, now
        self.pos = gift.ticket.order.point_of_sale
        self.asked = self._asked(gift.ticket)
        self.names = NameForm(
            post,
            prefix="name",
            initial={"first_name": person.first_name, "last_name": person.last_name, "email": person.email},
            names=self._name_rules(),
            single_names=self.pos.organiser.single_part_names,
        )
        self.block = None
        if self.asked is not None:
            self._fill(post)

    def _asked(self, ticket: Ticket) -> FormBlock | None:
        version = _version_to_ask(ticket)
        if version is None:
            return None
        return _OwnBlock(
            NAME,
            heading(ticket),
            version,
            day=localtime(ticket.session.starts_at).date(),
            ends_at=ticket.session.ends_at,
        )

    def _name_rules(self) -> dict[str, str]:
        """Return the rules of the form for the name on the ticket. A name that may be left out is asked here: the ticket prints it."""
        rules = dict.fromkeys(form_blocks.NAMES, "mandatory")
        for question in self.asked.definition.questions if self.asked else ():
            of_form = question.system_ref == "email" or question.visibility == "hidden"
            if question.system_ref in COLUMNS and of_form:
                rules[question.system_ref] = question.visibility
        return rules

    def _fill(self, post) -> None:
        if not form_blocks.asks_something(self.asked.definition):
            return
        drafts, seen = {}, {}
        if post is not None:
            drafts[NAME] = block_answers.typed(self.asked, post)
            if record := shown_questions.posted(self.asked, post):
                seen = shown_questions.seen([self.asked], {NAME: record}, self.pos.organiser)
        block_answers.fill([self.asked], drafts, self._cart, now=self.now, bound=post is not None, seen=seen)
        self.block = self.asked.block

    @property
    def _cart(self) -> Cart:
        """Return a cart that is never stored: it names the shop, and holds no places."""
        return Cart(point_of_sale=self.pos)

    @property
    def forms(self) -> list:
        """Return the forms of the page, for its list of errors."""
        return [form for form in (self.names, self.block) if form is not None]

    def is_valid(self) -> bool:
        """Return whether everything posted is valid. Both forms are checked, so that all errors are shown."""
        return not [form for form in self.forms if not form.is_valid()]

    def as_typed(self) -> None:
        """Show what was posted without errors, after the choice of another language."""
        for form in self.forms:
            language_choice.as_typed(form)

    @property
    def holder(self) -> Mapping[str, str]:
        """Return column of the ticket -> typed name or e-mail address."""
        return {
            COLUMNS[name]: value or "" for name, value in self.names.cleaned_data.items() if name in COLUMNS
        }

    @property
    def answers(self) -> responses.NewResponse | None:
        """Return the answers to store; None if the form asks nothing that is stored."""
        if self.asked is None or self.block is None:
            return None
        return responses.NewResponse(
            self.asked.version, self.block.answers, self.person.pk, self.asked.ends_at
        )

    def mark_sold_out(self, error: ChoiceSoldOut) -> None:
        """Show at their questions which choices have no place left."""
        if self.asked is not None:
            block_answers.mark_sold_out([self.asked], error.choices, self._cart)


def _version_to_ask(ticket: Ticket) -> FormVersion | None:
    """Return the published form that is asked for a ticket; None if its tariff has none, or asks only the first of a group."""
    version = moving.form_to_ask(ticket)
    if version is None:
        return None
    leaders = definitions.of_version(version).group_asks == RegistrationForm.Group.LEADER
    return None if leaders and not _is_leader(ticket) else version


def _is_leader(ticket: Ticket) -> bool:
    """Return whether a ticket is the first of its group, counted among the tickets of its line."""
    before = Ticket.objects.filter(line=ticket.line_id, pk__lt=ticket.pk).count()
    return before % (ticket.line.places // ticket.line.quantity) == 0
