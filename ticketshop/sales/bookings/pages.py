"""The page that books places of one date with a pass: names on the tickets and the questions of the forms."""

import uuid
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property

from django.utils.translation import get_language, ngettext
from django.utils.translation import gettext as _

from contacts.linking import links
from contacts.models import Contact
from ticketshop.lib.values.money import ZERO
from ticketshop.lib.values.text import number_in

from ..answers import block_answers, form_blocks, profile, shown_questions
from ..cart import contents
from ..checkout import people
from ..checkout.forms import HolderForm, as_posted, posted_texts
from ..models import Cart, CartLine, IssuedPass, Order, TypedDetails
from ..orders.buyers import CannotPlace
from ..orders.person_limits import ME
from ..passes import bookings
from . import booking
from .own_passes import BookableDate


@dataclass(frozen=True)
class Visit:
    """One request to the page: who books with which pass at which date."""

    pos: object
    user: object
    contact: Contact
    issued: IssuedPass
    date: BookableDate
    now: datetime


class BookingPage:
    """The forms of one booking. Nothing is stored until it is complete: what was typed is in the page that is shown again."""

    def __init__(self, visit: Visit, post, number: int):
        self.visit, self.post, self.problems = visit, post, []
        self.number = max(1, min(number, visit.date.most))
        self.key = _key(post)
        self.cart_contents = self._contents()
        forms = form_blocks.all_blocks(self.cart_contents)
        self.blocks, self.names = form_blocks.with_questions(forms), form_blocks.name_rules(forms)
        self.drafts: dict = {}
        self.shown: dict = {}
        self.holders = {slot: self._known_name(number) for number, slot in enumerate(self.slots)}
        self._take() if post is not None else self._fill_in()
        self._fill()

    @property
    def slots(self) -> list[str]:
        """Return the names of the places."""
        return [f"place{number}" for number in range(1, self.number + 1)]

    def _contents(self) -> contents.Contents:
        """Return the contents of a cart that is not stored: the forms are those of a cart with these places."""
        visit = self.visit
        cart = Cart(point_of_sale=visit.pos, user=visit.user, created_at=visit.now)
        line = CartLine(
            cart=cart,
            offer=visit.date.offer,
            quantity=self.number,
            slots=self.slots,
            unit_price=ZERO,
        )
        cart_contents = contents.Contents(cart, [line])
        bookings.set_prices(cart_contents)
        return cart_contents

    def _known_name(self, number: int) -> dict[str, str]:
        """Return the name on the pass for the first place; nothing for the others."""
        if number:
            return {}
        issued, contact = self.visit.issued, self.visit.contact
        names = {name: getattr(issued, f"holder_{name}") for name in (*form_blocks.NAMES, "email")}
        if not issued.holder and issued.beneficiary_id in (None, contact.pk):
            names |= {name: getattr(contact, name) for name in form_blocks.NAMES}
        return names

    def _take(self) -> None:
        """Read what was posted."""
        for form_block in self.blocks:
            if (record := shown_questions.posted(form_block, self.post)) is not None:
                self.drafts[form_block.name] = block_answers.typed(form_block, self.post)
                self.shown[form_block.name] = record
        for slot in self.slots:
            self.holders[slot] = posted_texts(self.post, f"holder-{slot}")

    def _fill_in(self) -> None:
        """Fill in what is known of the visitor."""
        known = people.me(self.visit.contact).known
        profile.fill_in(self.blocks, known, self.drafts, self.shown)

    def _fill(self) -> None:
        """Give every block its Django form."""
        cart = self.cart_contents.cart
        seen = shown_questions.seen(self.blocks, self.shown, cart.point_of_sale.organiser)
        shown_questions.drop_outdated_consents(self.blocks, self.drafts, seen)
        bound = self.post is not None
        block_answers.fill(self.blocks, self.drafts, cart, now=self.visit.now, bound=bound, seen=seen)

    @cached_property
    def holder_forms(self) -> dict[str, HolderForm]:
        """Return slot -> the form for the name on its ticket, with the blocks of its questions."""
        forms = {}
        line = self.cart_contents.lines[0]
        for number, slot in enumerate(self.slots, start=1):
            prefix, typed = f"holder-{slot}", self.holders[slot]
            form = HolderForm(
                as_posted(prefix, typed) if self.post is not None else None,
                prefix=prefix,
                initial=typed,
                people=[],
                names=self.names.get(slot),
                single_names=self.visit.pos.organiser.single_part_names,
            )
            form.heading = form_blocks.heading_of(line, number)
            form.blocks = [block for block in self.blocks if block.name == slot]
            forms[slot] = form
        return forms

    @property
    def all_forms(self) -> list:
        """Return everything that the page validates, in its order."""
        of_order = [block.block for block in self.blocks if block.of_order]
        of_places = [
            part
            for form in self.holder_forms.values()
            for part in (form, *(block.block for block in form.blocks))
        ]
        return [*of_order, *of_places]

    def book(self) -> Order | None:
        """Book, if everything is filled in. Return the order; None to show the page again."""
        typed = [block for block in self.blocks if block.name in self.drafts]
        block_answers.drop_hidden_answers(typed, self.drafts)
        # Every form is validated, so that all errors are shown.
        if [form for form in self.all_forms if not form.is_valid()]:
            return None
        visit = self.visit
        wish = booking.Wish(visit.issued, visit.date.offer, self.slots, self._details(), self.key)
        try:
            return booking.book(wish, pos=visit.pos, user=visit.user, language=get_language(), now=visit.now)
        except CannotPlace as error:
            self.problems += sentences(error)
            return None

    def _details(self) -> TypedDetails:
        """Return what was typed, in the shape in which a cart stores it."""
        visit = self.visit
        holders = {slot: dict(form.cleaned_data) for slot, form in self.holder_forms.items()}
        holders[self.slots[0]]["person"] = self._person()
        names = {name: getattr(visit.contact, name) for name in form_blocks.NAMES}
        return TypedDetails(names, holders, self.drafts, self.shown, get_language() or "")

    def _person(self) -> str:
        """Return the person of the pass, as a checkout posts whom a ticket is for."""
        beneficiary, contact = self.visit.issued.beneficiary_id, self.visit.contact
        if beneficiary is None or beneficiary == contact.pk:
            return ME if beneficiary else ""
        link = links.choosable(contact).filter(child=beneficiary).first()
        return str(link.pk) if link else ""

    def context(self) -> dict:
        """Return the context of the template."""
        sent = self.post is not None
        return {
            "issued": self.visit.issued,
            "date": self.visit.date,
            "session": self.visit.date.session,
            "number": self.number,
            "numbers": range(1, self.visit.date.most + 1),
            "key": self.key,
            "order_blocks": [block for block in self.blocks if block.of_order],
            "holders": list(self.holder_forms.values()),
            "versions": [(form_blocks.prefix(block), block.version.pk) for block in self.blocks],
            "problems": self.problems,
            "forms": self.all_forms,
            "has_errors": sent and any(form.errors for form in self.all_forms),
            "has_new": sent and any(getattr(form, "unseen", ()) for form in self.all_forms),
        }


def _key(post) -> uuid.UUID:
    """Return the key of a posted page, or a new one."""
    try:
        return uuid.UUID((post or {}).get("key", ""))
    except ValueError:
        return uuid.uuid4()


def places_of(query) -> int:
    """Return the number of places that a query string asks for; 1 without one."""
    return number_in(query.get("places"), digits=3) or 1


def sentences(error: CannotPlace) -> list[str]:
    """Return what to tell a visitor about a refused booking."""
    if error.code == "sold_out":
        left = min(error.left.values(), default=0)
        text = ngettext(
            "Only %(left)d place is left. Nothing was booked.",
            "Only %(left)d places are left. Nothing was booked.",
            left,
        ) % {"left": left}
        return [text if left else _("Sold out in the meantime. Nothing was booked.")]
    if error.code == "choice":
        return [_("A choice you made has just been sold out. Choose another one; the rest is kept.")]
    if error.code == "answers":
        return [
            _(
                "The questions have changed meanwhile. Please look at them once more; what you answered is kept."
            )
        ]
    if error.code == "person":
        return [_("Your data in this shop are being erased. Nothing was booked.")]
    return error.problems or [_("Something has changed since you opened this page. Look at it once more.")]
