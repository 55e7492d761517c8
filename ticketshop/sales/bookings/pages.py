"""The page that books places of one date with a pass: names on the tickets and the questions of the forms."""

import uuid
from dataclasses import dataclass
from datetime import datetime

from django.utils.translation import get_language, ngettext
from django.utils.translation import gettext as _

from contacts.linking import links
from contacts.models import Contact
from ticketshop.lib.values.money import ZERO
from ticketshop.lib.values.text import number_in

from ..answers import form_blocks, profile
from ..cart import contents
from ..checkout import people
from ..checkout.single_page import SinglePage
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


class BookingPage(SinglePage):
    """The forms of one booking. Nothing is stored until it is complete: what was typed is in the page that is shown again."""

    def __init__(self, visit: Visit, post, number: int):
        self.visit = visit
        self.number = max(1, min(number, visit.date.most))
        self.key = _key(post)
        super().__init__(self._contents(), post, visit.now)
        self.holders = {slot: self._known_name(number) for number, slot in enumerate(self.slots)}
        self.take() if post is not None else self._fill_in()
        self.fill_blocks()

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

    def _fill_in(self) -> None:
        """Fill in what is known of the visitor."""
        known = people.me(self.visit.contact).known
        profile.fill_in(self.blocks, known, self.drafts, self.shown)

    def book(self) -> Order | None:
        """Book, if everything is filled in. Return the order; None to show the page again."""
        if not self.is_valid():
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
