"""The people of a new order: its buyer and its beneficiaries, locked."""

from dataclasses import dataclass
from datetime import datetime
from typing import ClassVar

from django.contrib.auth.base_user import AbstractBaseUser

from contacts import contacts, locking
from contacts.models import Contact

from ..models import Cart, IssuedPass
from . import person_limits


class CannotPlace(Exception):
    """No order was made; nothing has changed. ``code`` is one of

    - changed: the page showed other products or prices
    - retyped: the page showed other details
    - terms: the page led to other terms of sale
    - sold_out: ``left``, allotment id -> places left
    - choice: a limited choice is sold out
    - rules: ``problems``, sentences; with ``at_tickets`` the details page shows them at each ticket
    - details: the details are not complete
    - answers: the forms ask something else by now
    - method: the payment method is not offered
    - gone: there is no such cart
    - counter: ``problems``; what only staff at the counter decide is missing
    - unpaid: ``problems``; too many unpaid orders, or too many orders under one e-mail address
    - network: guests of one network have too many places
    - sign_in: this shop sells to signed-in visitors only
    - person: the buyer is being erased
    - conflict: an order with other contents has the same checkout key
    """

    def __init__(
        self,
        code: str,
        *,
        problems: list[str] | None = None,
        left: dict[int, int] | None = None,
        at_tickets: bool = False,
    ):
        super().__init__(code)
        self.code, self.problems, self.left, self.at_tickets = code, problems or [], left or {}, at_tickets


class Moved(Exception):
    """A person was merged into another contact after the links were read.

    The other contact can't be locked in addition: all contacts of a transaction are locked at once, in id
    order. So ``place`` starts again.
    """


@dataclass(frozen=True)
class AtCounter:
    """Choices of staff who place an order at the counter, in place of the buyer's log-in.

    ``by``: who enters it. ``invitation``: a value of ``Order.Invitation`` if nothing is to be paid. ``waives``: skip the mandatory
    questions that are left blank.
    """

    is_authenticated: ClassVar[bool] = False

    by: AbstractBaseUser
    invitation: str = ""
    waives: bool = False


@dataclass(frozen=True)
class WithPass:
    """A signed-in buyer who books with a season pass."""

    user: AbstractBaseUser
    issued: IssuedPass


def find(cart: Cart, holders: dict, user, language: str, now: datetime) -> tuple[Contact, dict[str, int]]:
    """Lock and return the buyer, and slot -> contact id of the beneficiaries.

    Another order of, or for, one of these people waits until this one is written: so a maximum per person is
    kept, and no contact is merged meanwhile. Raise Moved or CannotPlace("person").
    """
    if not user.is_authenticated:
        return _guest(cart, language, now), {}
    buyer = contacts.for_user(cart.point_of_sale.organiser, user, language=language, now=now)
    beneficiaries = person_limits.find_beneficiaries(buyer, holders)
    contact_ids = {buyer.pk, *beneficiaries.values()}
    locked = locking.lock_all(contact_ids)
    if len(locked) < len(contact_ids):
        beneficiaries = person_limits.find_beneficiaries(buyer, holders)
        if not contact_ids.issuperset(beneficiaries.values()):
            raise Moved
        # A contact that is being erased can't be locked: the ticket then has no beneficiary, only the typed
        # name.
        beneficiaries = {
            slot: contact_id for slot, contact_id in beneficiaries.items() if contact_id in locked
        }
    if buyer.pk not in locked:
        raise CannotPlace("person")
    buyer = locked[buyer.pk]
    typed = cart.typed.buyer
    missing = {
        name: typed[name] for name in ("first_name", "last_name") if typed[name] and not getattr(buyer, name)
    }
    if missing:
        contacts.change(buyer, missing, by=user, now=now)
    return buyer, beneficiaries


def _guest(cart: Cart, language: str, now: datetime) -> Contact:
    typed = cart.typed.buyer
    return contacts.for_guest(
        cart.point_of_sale.organiser,
        email=typed["email"],
        first_name=typed["first_name"],
        last_name=typed["last_name"],
        language=language,
        now=now,
    )


def at_counter(cart: Cart, language: str, *, by, now: datetime) -> Contact | None:
    """Return the person whom staff chose or entered, locked; None for an order without a person.

    A new contact is not inserted yet, as for ``contacts.for_guest``. Raise CannotPlace("person") if the chosen contact was merged or is
    being erased.
    """
    organiser, typed = cart.point_of_sale.organiser, cart.typed.buyer
    if cart.person_uuid is not None:
        rows = Contact.objects.known().filter(organiser=organiser, subject_uuid=cart.person_uuid)
        chosen = rows.values_list("pk", flat=True).first()
        locked = locking.lock_all([chosen]) if chosen else {}
        if chosen not in locked:
            raise CannotPlace("person")
        return locked[chosen]
    if not any(typed.values()):
        return None
    return contacts.entered_at_counter(
        organiser,
        email=typed.get("email", ""),
        first_name=typed.get("first_name", ""),
        last_name=typed.get("last_name", ""),
        phone=typed.get("phone", ""),
        language=language,
        by=by,
        now=now,
    )
