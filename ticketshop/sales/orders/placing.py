"""One attempt to place an order: check the cart again, then write order, lines, tickets and payment."""

from dataclasses import dataclass
from datetime import datetime
from typing import cast

from django.contrib.auth.base_user import AbstractBaseUser
from django.contrib.auth.models import AnonymousUser
from django.db.models import Model

from contacts import contacts
from contacts.models import Contact
from registration_forms.answers import limited_choices, responses
from registration_forms.models import Response
from ticketshop.catalogue import places
from ticketshop.history import history
from ticketshop.lib.database import writing
from ticketshop.lib.values import references
from ticketshop.lib.values.money import ZERO
from ticketshop.mail import outbox

from .. import notices, pricing
from ..answers import block_answers, form_blocks, profile, shown_questions
from ..cart import caps, carts, contents
from ..models import IN_PROFILE, Cart, IssuedPass, Order, OrderResponse, Ticket
from ..passes import bookings
from ..payments import methods, payments
from ..tickets import tickets
from . import buyers, counter_rules, order_lines, person_limits
from .buyers import AtCounter, CannotPlace
from .trials import locking


@dataclass(frozen=True)
class Shown:
    """Hashes of what the review showed: the typed details, and the terms of sale that the buyer accepted."""

    details_hash: str
    terms_hash: str


def placed_under(checkout_key, content_hash: str = "") -> Order | None:
    """Return the order with this checkout key, or None. Raise CannotPlace("conflict") if its contents differ."""
    order = Order.objects.filter(checkout_key=checkout_key).select_related("point_of_sale").first()
    if order and content_hash and order.content_hash != content_hash:
        raise CannotPlace("conflict")
    return order


@dataclass(frozen=True)
class Request:
    """The arguments of ``orders.place``."""

    cart: Cart
    method: str
    content_hash: str
    shown: Shown | None
    user: AbstractBaseUser | AnonymousUser | AtCounter
    language: str
    now: datetime
    capped: bool
    booked_with: IssuedPass | None

    @property
    def at_counter(self) -> AtCounter | None:
        """Return what staff decide; None for a visitor's order."""
        return self.user if isinstance(self.user, AtCounter) else None

    @property
    def waives(self) -> bool:
        """Return whether mandatory questions that are left blank are skipped."""
        return bool(self.at_counter and self.at_counter.waives)

    @property
    def by(self) -> AbstractBaseUser | None:
        """Return who places the order: the staff member at the counter, else the signed-in buyer; None for a guest."""
        if isinstance(self.user, AtCounter):
            return self.user.by
        return self.user if self.user.is_authenticated else None


def _placed_before(request: Request) -> Order:
    """Return the order of a cart that was ordered just before this transaction locked it. Raise CannotPlace if it was emptied."""
    if order := placed_under(request.cart.checkout_key, request.content_hash):
        return order
    raise CannotPlace("gone")


def attempt(request: Request) -> Order:
    """Turn the cart of a request into an order, in the caller's transaction. Return an order that was placed before.

    Raise CannotPlace, Moved, IntegrityError, or an error of ``orders.SOLD_OUT``.
    """
    user, now = request.user, request.now
    cart_contents = _locked_contents(request)
    if cart_contents is None:
        return _placed_before(request)
    cart = cart_contents.cart
    locking.lock_if_in_trial(cart.point_of_sale)
    method = _checked(cart, cart_contents, request)
    holders = cart.typed.holders
    buyer, beneficiaries = _people(cart, holders, request)
    _check_limits(cart_contents, buyer, beneficiaries, request)
    # Answers belong to a person: nothing is asked for an order without one.
    blocks = _checked_answers(cart, cart_contents, request) if buyer else []
    in_profile = _in_profile(cart, user)
    changed = profile.write(buyer, blocks, over=in_profile, by=request.by, now=now) if buyer else []
    order = _new_order(cart_contents, buyer, method, request)
    answered = _answers(blocks, order, beneficiaries, request, cart.typed.language or request.language)
    responses_by_block = _by_block(blocks, answered)
    order_responses = _order_responses(order, blocks, responses_by_block, in_profile)
    lines = order_lines.new(order, cart_contents)
    issued = tickets.new(
        order, lines, cart_contents, holders, beneficiaries, responses_by_block, request.booked_with
    )
    payment = payments.new(order, method, now)
    rows = [order, *answered.rows, *order_responses, *lines, *issued[0], *issued[1], payment]
    _insert(order, rows, method, request.by, changed)
    answered.insert_rest()
    if _is_paid(order, method):
        payments.confirm(payment, by=request.at_counter and request.at_counter.by, now=now)
        order.refresh_from_db()
    carts.delete(cart)
    # Last, so that the counters stay locked for as short as possible.
    _take(request, order, cart_contents, issued[0], responses_by_block)
    return order


def _check_limits(
    cart_contents: contents.Contents,
    buyer: Contact | None,
    beneficiaries: dict[str, int],
    request: Request,
) -> None:
    """Raise CannotPlace if a person would have too many tickets or unpaid orders."""
    if problems := person_limits.problems(cart_contents, buyer, beneficiaries):
        raise CannotPlace("rules", problems=problems, at_tickets=request.user.is_authenticated)
    if request.capped and buyer and (sentence := caps.refusal(cart_contents, buyer, request.now)):
        raise CannotPlace("unpaid", problems=[sentence])


def _take(
    request: Request,
    order: Order,
    cart_contents: contents.Contents,
    new_tickets: list[Ticket],
    responses_by_block: dict[str, Response],
) -> None:
    """Take what the order needs: entries of the pass, places of limited choices, places. Raise an error of ``orders.SOLD_OUT``."""
    key = cart_contents.cart.key
    bookings.take_entries(request.booked_with, order, new_tickets, by=request.by, now=request.now)
    if responses_by_block:
        limited_choices.reserve(key, responses.chosen(responses_by_block.values()))
    places.reserve(key, cart_contents.places)
    if request.capped and cart_contents.total > ZERO:
        caps.check_network(cart_contents.cart, cart_contents.places)


def _new_order(cart_contents: contents.Contents, buyer: Contact | None, method, request: Request) -> Order:
    """Return the unsaved order of a request."""
    return new(
        cart_contents,
        buyer,
        method,
        by=request.by,
        language=request.language,
        now=request.now,
        at_counter=request.at_counter,
        # A booking is no new contract, and its page leads to no terms.
        terms=not (request.at_counter or request.booked_with),
    )


def _locked_contents(request: Request) -> contents.Contents | None:
    """Lock the cart of a request and return its contents; None if it is gone or empty."""
    cart = carts.LOCKED.first(pk=request.cart.pk)
    cart_contents = contents.read(cart) if cart else None
    if cart_contents is None or not cart_contents.lines:
        return None
    if request.booked_with:
        bookings.set_prices(cart_contents)
    return cart_contents


def _order_responses(
    order: Order, blocks: list[form_blocks.FormBlock], responses_by_block, in_profile
) -> list[OrderResponse]:
    """Return the unsaved rows that connect the order with the responses to its order forms."""
    return [
        OrderResponse(
            order=order, response=responses_by_block[block.name], title=block.title, in_profile=in_profile
        )
        for block in blocks
        if block.of_order
    ]


def _insert(order: Order, rows: list[Model], method, by, changed: list[str]) -> None:
    """Insert the rows of a new order, its buyer if that is new, their records in the history, and the mail that tells the
    buyer what to pay. Two statements, and one that lets the mail be sent.

    ``changed``: columns of the buyer that answers have filled.
    """
    now, buyer = order.placed_at, order.buyer
    new_buyer = [buyer] if buyer and buyer._state.adding else []
    writing.assign_keys([*new_buyer, *rows])
    records = [
        record
        for contact in new_buyer
        for record in contacts.records_of_new(
            contact, by=by if order.channel == Order.Channel.BACK_OFFICE else None, now=now, changed=changed
        )
    ]
    records.append(history.new(order, "placed", by=by, now=now, total=str(order.total), method=method.code))
    mail = notices.new(order, "order_placed", now) if not _is_paid(order, method) else None
    writing.insert([*new_buyer, *rows, *records, *([mail] if mail else [])])
    if mail:
        outbox.send(mail)


def _is_paid(order: Order, method) -> bool:
    """Return whether a new order is paid as it is placed: it costs nothing, or staff have the money."""
    return order.total == ZERO or method.paid_at_once


def _people(cart: Cart, holders: dict, request: Request) -> tuple[Contact | None, dict[str, int]]:
    """Return the buyer, locked, and slot -> contact id of the beneficiaries. The buyer is None for an order without a person."""
    if not request.at_counter:
        return buyers.find(cart, holders, request.user, request.language, request.now)
    return buyers.at_counter(cart, request.language, by=request.by, now=request.now), {}


def _in_profile(cart: Cart, user) -> bool | None:
    """Return whether a signed-in buyer wants the answers in their profile; None for a guest."""
    return bool(cart.typed.buyer.get(IN_PROFILE)) if user.is_authenticated else None


def _checked_answers(
    cart: Cart, cart_contents: contents.Contents, request: Request
) -> list[form_blocks.FormBlock]:
    """Return the form blocks with their answers, checked again with the published forms. Raise CannotPlace."""
    forms, drafts = form_blocks.all_blocks(cart_contents), dict(cart.typed.answers)
    blocks = form_blocks.with_questions(forms)
    seen = shown_questions.seen(blocks, cart.typed.shown, cart.point_of_sale.organiser)
    shown_questions.drop_outdated_consents(blocks, drafts, seen)
    block_answers.fill(
        blocks,
        drafts,
        cart,
        now=request.now,
        bound=True,
        seen=seen,
        counts_places=False,
        waives=request.waives,
    )
    single = cart.point_of_sale.organiser.single_part_names
    if not block_answers.are_complete(forms, drafts, cart.typed.holders, single_names=single):
        raise CannotPlace("answers")
    return blocks


def _answers(
    blocks: list[form_blocks.FormBlock],
    order: Order,
    beneficiaries: dict[str, int],
    request: Request,
    language: str,
) -> responses.UnsavedResponses:
    """Return the unsaved answers, a response for each block.

    Answers about a ticket without a beneficiary belong to the buyer, who typed them. ``language``: in which
    the questions were read.
    """
    buyer = cast(Contact, order.buyer)  # without a buyer there are no blocks
    about = {block.name: beneficiaries.get(block.name.rstrip("+"), buyer) for block in blocks}
    given = block_answers.given(blocks, about, request.by if request.waives else None)
    return responses.new(given, organiser=order.organiser, language=language, now=order.placed_at)


def _by_block(
    blocks: list[form_blocks.FormBlock], answered: responses.UnsavedResponses
) -> dict[str, Response]:
    """Return block name -> response."""
    return {block.name: response for block, response in zip(blocks, answered.responses, strict=True)}


def _checked(cart: Cart, cart_contents: contents.Contents, request: Request):
    """Return the payment method, if the cart is complete and is what the visitor saw. Raise CannotPlace."""
    user, pos, guest = request.user, cart.point_of_sale, not request.user.is_authenticated
    if guest and not pos.guest_checkout and not request.at_counter:
        raise CannotPlace("sign_in")
    if request.shown and pos.terms and contents.terms_hash(pos) != request.shown.terms_hash:
        raise CannotPlace("terms")
    # A user was not asked for an e-mail address. If the log-in has ended since, a guest has to enter one; staff need not.
    if not cart.details_complete or not (
        user.is_authenticated or cart.typed.buyer.get("email") or request.at_counter
    ):
        raise CannotPlace("details")
    changed = not carts.is_held(cart, request.now) and not all(
        contents.is_as_offered(line) for line in cart_contents.lines
    )
    if changed or cart_contents.content_hash != request.content_hash:
        raise CannotPlace("changed")
    if problems := contents.problems(cart_contents, request.now):
        raise CannotPlace("rules", problems=problems)
    offers = methods.offered_at_counter if request.at_counter else methods.offered
    method = offers(pos, cart_contents.total, pos.organiser.currency).get(request.method)
    if method is None:
        raise CannotPlace("method")
    if request.shown and contents.details_hash(cart) != request.shown.details_hash:
        raise CannotPlace("retyped")
    if request.at_counter:
        counter_rules.apply(cart_contents, method, request.at_counter)
    return method


def new(
    cart_contents: contents.Contents,
    buyer: Contact | None,
    method,
    *,
    by,
    language: str,
    now: datetime,
    at_counter: AtCounter | None = None,
    terms: bool = True,
) -> Order:
    """Return an unsaved order for the contents of a cart. ``by``: who places it; None for a guest.

    ``terms``: whether a page led to the terms of sale of today.
    """
    cart = cart_contents.cart
    vat = pricing.cart_vat(cart_contents.lines)
    return Order(
        organiser=cart.point_of_sale.organiser,
        point_of_sale=cart.point_of_sale,
        reference=references.readable(),
        secret=references.secret(),
        checkout_key=cart.checkout_key,
        content_hash=cart_contents.content_hash,
        buyer=buyer,
        payment_method=method.code,
        currency=cart.point_of_sale.organiser.currency,
        total=cart_contents.total,
        vat_total=vat,
        language=language,
        terms_version_id=cart.point_of_sale.terms_version_id if terms else None,
        placed_at=now,
        expires_at=method.expires_at(cart.point_of_sale.organiser, first_start(cart_contents), now),
        created_by=by,
        network=cart.network if cart_contents.total > ZERO and by is None else "",
        channel=Order.Channel.BACK_OFFICE if at_counter else Order.Channel.SHOP,
        without_person=buyer is None,
        invitation=at_counter.invitation if at_counter else "",
    )


def first_start(cart_contents: contents.Contents) -> datetime | None:
    """Return when the earliest session in the cart begins; None if there are only passes."""
    return min((line.session.starts_at for line in cart_contents.lines if line.session), default=None)
