"""Actions on orders: place, cancel, expire."""

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import cast

from django.contrib.auth.base_user import AbstractBaseUser
from django.contrib.auth.models import AnonymousUser
from django.db import IntegrityError, transaction
from django.db.models import Model
from django.utils.translation import gettext_lazy

from contacts import contacts, locking
from contacts.models import Contact
from registration_forms.answers import limited_choices, responses
from registration_forms.models import Response
from ticketshop.catalogue import places
from ticketshop.history import history
from ticketshop.jobs.rows import RowJob
from ticketshop.lib.database import writing
from ticketshop.lib.database.constraints import violated_constraint
from ticketshop.lib.values import references
from ticketshop.lib.values.money import ZERO
from ticketshop.mail import outbox

from .. import notices, pricing
from ..answers import block_answers, form_blocks, profile, shown_questions
from ..cart import caps, carts, contents
from ..models import IN_PROFILE, Cart, Order, OrderResponse, places_of, responses_of
from ..papers import credit_notes
from ..payments import methods, payments, provider_pages, refunds
from ..tickets import tickets
from . import cancelled_lines, order_lines, person_limits

# PostgreSQL's own names of the constraints of columns with ``unique=True``.
CHECKOUT_KEY_ONCE, REFERENCE_ONCE = "sales_order_checkout_key_key", "sales_order_reference_key"


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


@dataclass(frozen=True)
class Shown:
    """Hashes of what the review showed: the typed details, and the terms of sale that the buyer accepted."""

    details_hash: str
    terms_hash: str


class _Moved(Exception):
    """A person was merged into another contact after the links were read.

    The other contact can't be locked in addition: all contacts of a transaction are locked at once, in id
    order. So ``place`` starts again.
    """


def placed_under(checkout_key, content_hash: str = "") -> Order | None:
    """Return the order with this checkout key, or None. Raise CannotPlace("conflict") if its contents differ."""
    order = Order.objects.filter(checkout_key=checkout_key).select_related("point_of_sale").first()
    if order and content_hash and order.content_hash != content_hash:
        raise CannotPlace("conflict")
    return order


def place(
    cart: Cart,
    *,
    method: str,
    content_hash: str,
    user,
    language: str,
    now: datetime,
    shown: Shown | None = None,
    capped: bool = False,
) -> Order:
    """Turn a cart into an order, in one transaction. The same cart placed twice is one order.

    ``content_hash`` is that of the page that the visitor saw (``Contents.content_hash``). ``shown``: what else the page
    showed; None where no page showed it. The order refers to the version of the terms. ``capped``: apply the limits for unpaid orders (``cart.caps``).

    A free order is paid and its tickets are issued at once. Raise CannotPlace.
    """
    request = _Request(cart, method, content_hash, shown, user, language, now, capped)
    while True:
        try:
            with transaction.atomic():
                return _place(request)
        except _Moved:
            continue
        except IntegrityError as error:
            # The connection was lost in an earlier COMMIT, or another worker placed the same key just now.
            constraint = violated_constraint(error)
            if constraint == CHECKOUT_KEY_ONCE and (order := placed_under(cart.checkout_key, content_hash)):
                return order
            if constraint in (REFERENCE_ONCE, contacts.NUMBER_ONCE):
                # Two of 78 billion random references were the same: another one is drawn.
                continue
            raise
        except places.NotEnoughPlaces as error:
            raise CannotPlace("sold_out", left=error.left) from error
        except limited_choices.ChoiceSoldOut as error:
            raise CannotPlace("choice") from error
        except caps.TooManyPlaces as error:
            raise CannotPlace("network") from error


@dataclass(frozen=True)
class _Request:
    """The arguments of ``place``."""

    cart: Cart
    method: str
    content_hash: str
    shown: Shown | None
    user: AbstractBaseUser | AnonymousUser
    language: str
    now: datetime
    capped: bool


def _place(request: _Request) -> Order:
    user, now = request.user, request.now
    cart = carts.LOCKED.first(pk=request.cart.pk)
    cart_contents = contents.read(cart) if cart else None
    if cart is None or cart_contents is None or not cart_contents.lines:
        # The cart was ordered, or emptied, just before this transaction locked it.
        if order := placed_under(request.cart.checkout_key, request.content_hash):
            return order
        raise CannotPlace("gone")
    method = _checked(cart, cart_contents, request)
    holders = cart.typed.holders
    buyer, beneficiaries = _people(cart, holders, user, request.language, now)
    if problems := person_limits.problems(cart_contents, buyer, beneficiaries):
        raise CannotPlace("rules", problems=problems, at_tickets=user.is_authenticated)
    if request.capped and (sentence := caps.refusal(cart_contents, buyer, now)):
        raise CannotPlace("unpaid", problems=[sentence])
    blocks = _checked_answers(cart, cart_contents, now)
    in_profile = _in_profile(cart, user)
    by = user if user.is_authenticated else None
    changed = profile.write(buyer, blocks, over=in_profile, by=by, now=now)
    order = new(cart_contents, buyer, method, user, request.language, now)
    answered = _answers(blocks, order, beneficiaries, cart.typed.language or request.language)
    responses_by_block = _by_block(blocks, answered)
    order_responses = _order_responses(order, blocks, responses_by_block, in_profile)
    lines = order_lines.new(order, cart_contents)
    issued = tickets.new(order, lines, cart_contents, holders, beneficiaries, responses_by_block)
    payment = payments.new(order, method, now)
    rows = [order, *answered.rows, *order_responses, *lines, *issued[0], *issued[1], payment]
    _insert(order, rows, method, by, changed if buyer._state.adding else [])
    answered.insert_rest()
    if order.total == ZERO:
        payments.confirm(payment, by=None, now=now)
        order.refresh_from_db()
    carts.delete(cart)
    # Last, so that the counters stay locked for as short as possible.
    if blocks:
        limited_choices.reserve(cart.key, responses.chosen(responses_by_block.values()))
    places.reserve(cart.key, cart_contents.places)
    if request.capped and cart_contents.total > ZERO:
        caps.check_network(cart, cart_contents.places)
    return order


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

    ``changed``: columns of a new buyer that answers have filled.
    """
    now, buyer = order.placed_at, cast(Contact, order.buyer)
    new_buyer = [buyer] if buyer._state.adding else []
    writing.assign_keys([*new_buyer, *rows])
    records = contacts.records_of_new(buyer, now=now, changed=changed) if new_buyer else []
    records.append(history.new(order, "placed", by=by, now=now, total=str(order.total), method=method.code))
    mail = notices.new(order, "order_placed", now) if order.total != ZERO else None
    writing.insert([*new_buyer, *rows, *records, *([mail] if mail else [])])
    if mail:
        outbox.send(mail)


def _in_profile(cart: Cart, user) -> bool | None:
    """Return whether a signed-in buyer wants the answers in their profile; None for a guest."""
    return bool(cart.typed.buyer.get(IN_PROFILE)) if user.is_authenticated else None


def _checked_answers(
    cart: Cart, cart_contents: contents.Contents, now: datetime
) -> list[form_blocks.FormBlock]:
    """Return the form blocks with their answers, checked again with the published forms. Raise CannotPlace."""
    forms, drafts = form_blocks.all_blocks(cart_contents), dict(cart.typed.answers)
    blocks = form_blocks.with_questions(forms)
    seen = shown_questions.seen(blocks, cart.typed.shown, cart.point_of_sale.organiser)
    shown_questions.drop_outdated_consents(blocks, drafts, seen)
    block_answers.fill(blocks, drafts, cart, now=now, bound=True, seen=seen, counts_places=False)
    single = cart.point_of_sale.organiser.single_part_names
    if not block_answers.are_complete(forms, drafts, cart.typed.holders, single_names=single):
        raise CannotPlace("answers")
    return blocks


def _answers(
    blocks: list[form_blocks.FormBlock], order: Order, beneficiaries: dict[str, int], language: str
) -> responses.UnsavedResponses:
    """Return the unsaved answers, a response for each block.

    Answers about a ticket without a beneficiary belong to the buyer, who typed them. ``language``: in which
    the questions were read.
    """
    buyer = cast(Contact, order.buyer)
    about = {block.name: beneficiaries.get(block.name.rstrip("+"), buyer) for block in blocks}
    given = block_answers.given(blocks, about)
    return responses.new(given, organiser=order.organiser, language=language, now=order.placed_at)


def _by_block(
    blocks: list[form_blocks.FormBlock], answered: responses.UnsavedResponses
) -> dict[str, Response]:
    """Return block name -> response."""
    return {block.name: response for block, response in zip(blocks, answered.responses, strict=True)}


def _checked(cart: Cart, cart_contents: contents.Contents, request: _Request):
    """Return the payment method, if the cart is complete and is what the visitor saw. Raise CannotPlace."""
    user, pos = request.user, cart.point_of_sale
    if not user.is_authenticated and not pos.guest_checkout:
        raise CannotPlace("sign_in")
    if request.shown and pos.terms and contents.terms_hash(pos) != request.shown.terms_hash:
        raise CannotPlace("terms")
    # A user was not asked for an e-mail address. If the log-in has ended since, a guest has to enter one.
    if not cart.details_complete or not (user.is_authenticated or cart.typed.buyer.get("email")):
        raise CannotPlace("details")
    changed = not carts.is_held(cart, request.now) and not all(
        contents.is_as_offered(line) for line in cart_contents.lines
    )
    if changed or cart_contents.content_hash != request.content_hash:
        raise CannotPlace("changed")
    if problems := contents.problems(cart_contents, request.now):
        raise CannotPlace("rules", problems=problems)
    method = methods.offered(pos, cart_contents.total, pos.organiser.currency).get(request.method)
    if method is None:
        raise CannotPlace("method")
    if request.shown and contents.details_hash(cart) != request.shown.details_hash:
        raise CannotPlace("retyped")
    return method


def _people(cart: Cart, holders: dict, user, language: str, now: datetime) -> tuple[Contact, dict[str, int]]:
    """Lock and return the buyer, and slot -> contact id of the beneficiaries.

    Another order of, or for, one of these people waits until this one is written: so a maximum per person is
    kept, and no contact is merged meanwhile. Raise _Moved or CannotPlace("person").
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
            raise _Moved
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


def new(
    cart_contents: contents.Contents, buyer: Contact, method, user, language: str, now: datetime
) -> Order:
    """Return an unsaved order for the contents of a cart."""
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
        terms_version_id=cart.point_of_sale.terms_version_id,
        placed_at=now,
        expires_at=method.expires_at(cart.point_of_sale.organiser, first_start(cart_contents), now),
        created_by=user if user.is_authenticated else None,
        network=cart.network if cart_contents.total > ZERO and not user.is_authenticated else "",
    )


def first_start(cart_contents: contents.Contents) -> datetime | None:
    """Return when the earliest session in the cart begins; None if there are only passes."""
    return min((line.session.starts_at for line in cart_contents.lines if line.session), default=None)


def cancel(order: Order, *, by, now: datetime, pay_back: Decimal | None = None) -> bool:
    """Cancel a pending or paid order. Its places are free again.

    ``pay_back``: how much of a paid order is to be paid back; None for everything that is left of it. Money of a pending order
    goes back in any case.

    Return False, and change nothing, if the order was cancelled or had expired already, or if it turns out to have been
    paid at its provider. Raise ProviderUnavailable or PageOpen, and change nothing, while a payment may still succeed.
    Raise ``refunds.TooMuch``, and change nothing, if less than ``pay_back`` is left.
    """
    waits = order.state == Order.State.PENDING
    provider_pages.close(order, now=now)
    if waits and order.state == Order.State.PAID:
        return False
    return _end(order, Order.State.CANCELLED, [Order.State.PENDING, Order.State.PAID], by, now, pay_back)


def expire(order: Order, *, now: datetime) -> bool:
    """Expire a pending order that was not paid in time. Its places are free again.

    Return False if it is not pending, or a payment is being processed. Raise ProviderUnavailable, and change nothing, if its
    provider can't be asked to end the payment.
    """
    try:
        provider_pages.close(order, now=now)
        return _end(order, Order.State.EXPIRED, [Order.State.PENDING], None, now)
    except payments.PageOpen:
        return False


@transaction.atomic
def _end(
    order: Order, state: str, before: list[str], by, now: datetime, pay_back: Decimal | None = None
) -> bool:
    changed = Order.objects.filter(pk=order.pk, state__in=before).update(
        state=state, cancelled_at=now, network=""
    )
    if not changed:
        order.refresh_from_db()
        return False
    order.refresh_from_db()
    # Before the tickets change: this locks the people who get a mail, and an erasure locks people before
    # tickets.
    notices.queue(order, f"order_{state}", now)
    history.record(order, state, by=by, now=now)
    if order.paid_at is None:
        payments.stop(order, now=now)
        tickets.cancel(order)
        freed = places_of(order)
    else:
        payments.check_pages(order)
        rest = [unit for unit in cancelled_lines.units_of(order) if not unit.is_cancelled]
        cancellation = cancelled_lines.begin(order, by=by, now=now)
        admissions = [admission for unit in rest for admission in unit.admissions]
        notices.cancelled_for_others(order, cancellation, admissions, now)
        freed = cancelled_lines.write(cancellation, rest)
        refunds.plan(order, refunds.kept(order) if pay_back is None else pay_back, by=by, now=now)
    responses.cancel(responses_of(order))
    credit_notes.credit_cancelled(order, by=by, now=now)
    places.release(freed)
    return True


EXPIRE = RowJob(
    "sales.expire_orders",
    gettext_lazy("End an order that was not paid in time"),
    rows=lambda now: Order.objects.filter(state=Order.State.PENDING, expires_at__lte=now).order_by(
        "expires_at"
    ),
    act=lambda order, now: expire(order, now=now),
    atomic=False,
)


def expire_overdue(now: datetime) -> int:
    """Expire every pending order after its deadline, each in its own transaction. Return their number."""
    return EXPIRE.run(now)
