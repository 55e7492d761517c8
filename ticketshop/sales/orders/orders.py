"""Verbs of orders: place, cancel, expire."""

from datetime import datetime, timedelta
from functools import partial

from django.db import IntegrityError, transaction
from django.db.models import (
    DurationField,
    Exists,
    ExpressionWrapper,
    F,
    OuterRef,
    Q,
    QuerySet,
    Value,
)
from django.utils.translation import gettext_lazy

from contacts import contacts, locking
from contacts.models import Contact
from registration_forms.answers import limited_choices, responses
from registration_forms.models import Response
from ticketshop.catalogue import places
from ticketshop.catalogue.models import Session
from ticketshop.history import history
from ticketshop.jobs.rows import RowJob
from ticketshop.lib import references
from ticketshop.lib.database.constraints import violated_constraint
from ticketshop.lib.money import ZERO

from .. import notices, pricing
from ..answers import form_blocks, profile, shown_questions
from ..cart import caps, carts, contents
from ..models import IN_PROFILE, Cart, Order, OrderLine, OrderResponse, Ticket
from ..payments import methods, payments
from ..tickets import tickets
from . import order_lines, person_limits

# PostgreSQL's own names of the constraints of columns with ``unique=True``.
CHECKOUT_KEY_ONCE, REFERENCE_ONCE = "sales_order_checkout_key_key", "sales_order_reference_key"


class CannotPlace(Exception):
    """Why an order was not made; nothing has changed. ``code`` is one of

    changed (the page showed other things or prices), retyped (it showed other details), terms (it led to other terms), sold_out (``left``: allotment id -> places),
    rules (``problems``: sentences; ``at_tickets``: the details say them at each ticket), choice (a limited choice is sold out), details (the details are not complete),
    answers (the forms ask something else by now), method, gone (no such cart),
    unpaid (too much of the buyer's is not paid, or too many orders under one address; ``problems``), network (guests of one network have too many places),
    sign_in (this shop sells to signed-in visitors only), person (whoever orders is being erased), conflict (other content under the same key).
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


class _Moved(Exception):
    """Somebody was merged into another contact a moment ago, and their link leads there by now.

    That one can't be held beside those who are: people are held by number, all at once. So it begins anew.
    """


def placed_under(checkout_key, content_hash: str = "") -> Order | None:
    """The order that was placed under this key, if any. Raises CannotPlace("conflict") if it held something else."""
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
    details_hash: str | None = None,
    capped: bool = False,
) -> Order:
    """Turn a cart into an order, in one transaction; the same cart placed twice is one order.

    ``content_hash`` and ``details_hash`` are what the visitor saw (``Contents.content_hash``,
    ``contents.details_hash``); None where nobody looked at the details. A free order is paid and its
    tickets are issued at once. ``capped``: not more than visitors may order without paying (see ``hoarding``). Raises CannotPlace.
    """
    again = partial(
        place,
        cart,
        method=method,
        content_hash=content_hash,
        user=user,
        language=language,
        now=now,
        details_hash=details_hash,
        capped=capped,
    )
    try:
        with transaction.atomic():
            return _place(cart, method, (content_hash, details_hash), user, language, now, capped)
    except _Moved:
        return again()
    except IntegrityError as error:
        # The connection was lost in a COMMIT once, or another worker placed the same key just now.
        constraint = violated_constraint(error)
        if constraint == CHECKOUT_KEY_ONCE and (order := placed_under(cart.checkout_key, content_hash)):
            return order
        if constraint == REFERENCE_ONCE:
            # Two of 78 billion random references were the same: the next one is another.
            return again()
        raise
    except places.NotEnoughPlaces as error:
        raise CannotPlace("sold_out", left=error.left) from error
    except limited_choices.ChoiceSoldOut as error:
        raise CannotPlace("choice") from error
    except caps.TooManyPlaces as error:
        raise CannotPlace("network") from error


def _place(
    cart: Cart,
    method_code: str,
    looked_at: tuple[str, str | None],
    user,
    language: str,
    now: datetime,
    capped: bool,
) -> Order:
    key, (content_hash, details_hash) = cart.checkout_key, looked_at
    cart = carts.LOCKED.first(pk=cart.pk)  # type: ignore[assignment]
    whole = contents.read(cart) if cart else None
    if whole is None or not whole.lines:
        # Gone, or emptied by whoever placed it a moment ago.
        if order := placed_under(key, content_hash):
            return order
        raise CannotPlace("gone")
    method = _checked(cart, whole, method_code, content_hash, user, now)
    if details_hash is not None and contents.details_hash(cart) != details_hash:
        raise CannotPlace("retyped")
    holders = cart.typed.holders
    buyer, whom = _people(cart, holders, user, language, now)
    if found := person_limits.problems(whole, buyer, whom):
        raise CannotPlace("rules", problems=found, at_tickets=user.is_authenticated)
    if capped and (sentence := caps.refusal(whole, buyer, now)):
        raise CannotPlace("unpaid", problems=[sentence])
    asked = _checked_answers(cart, whole, now)
    in_profile = _in_profile(cart, user)
    profile.write(buyer, asked, over=in_profile, by=user if user.is_authenticated else None, now=now)
    order = new(whole, buyer, method, user, language, now)
    answered = _store(asked, order, buyer, whom, cart.typed.language or language, now)
    order.save(force_insert=True)
    of_order = [ask for ask in asked if ask.of_order]
    OrderResponse.objects.bulk_create(
        OrderResponse(order=order, response=answered[ask.name], title=ask.title, in_profile=in_profile)
        for ask in of_order
    )
    lines = OrderLine.objects.bulk_create(order_lines.new(order, whole))
    tickets.reserve(order, lines, whole, holders, whom, answered)
    payment = payments.start(order, method, now=now)
    history.record(order, "placed", by=user, now=now, total=str(order.total), method=method.code)
    if order.total == ZERO:
        payments.confirm(payment, by=None, now=now)
        order.refresh_from_db()
    else:
        notices.queue(order, "order_placed", now)
    cart.delete()
    # Last, so that the counters stay locked for as short as possible.
    if asked:
        limited_choices.reserve(cart.key, responses.chosen(answered.values()))
    places.reserve(cart.key, whole.places)
    if capped and whole.total > ZERO:
        caps.check_network(cart, whole.places)
    return order


def _in_profile(cart: Cart, user) -> bool | None:
    """What a signed-in buyer chose; None for a guest, who is not asked."""
    return bool(cart.typed.buyer.get(IN_PROFILE)) if user.is_authenticated else None


def _checked_answers(cart: Cart, whole: contents.Contents, now: datetime) -> list[form_blocks.Ask]:
    """What the forms ask, with the answers checked once more, against what is published now."""
    forms, drafts = form_blocks.all_forms(whole), dict(cart.typed.answers)
    asked = form_blocks.with_questions(forms)
    seen = shown_questions.seen(asked, cart.typed.shown, cart.point_of_sale.organiser)
    shown_questions.untick(asked, drafts, seen)
    form_blocks.fill(asked, drafts, cart, now=now, bound=True, seen=seen)
    single = cart.point_of_sale.organiser.single_part_names
    if not form_blocks.ready(forms, drafts, cart.typed.holders, single_names=single):
        raise CannotPlace("choice" if form_blocks.misses_a_place(asked) else "answers")
    return asked


def _store(
    asked: list[form_blocks.Ask],
    order: Order,
    buyer: Contact,
    whom: dict[str, int],
    language: str,
    now: datetime,
) -> dict[str, Response]:
    """Write the answers; block name -> response. Where nobody was chosen they are the buyer's, who gave them.

    ``language``: in which the questions were read.
    """
    given = form_blocks.given(asked, {ask.name: whom.get(ask.name.rstrip("+"), buyer.pk) for ask in asked})
    made = responses.store(given, organiser=order.organiser, language=language, now=now) if given else []
    return {ask.name: response for ask, response in zip(asked, made, strict=True)}


def _checked(cart: Cart, whole: contents.Contents, method_code: str, content_hash: str, user, now: datetime):
    if not user.is_authenticated and not cart.point_of_sale.guest_checkout:
        raise CannotPlace("sign_in")
    # A log-in is not asked for its address; who has none any more is asked for it now.
    if not cart.details_complete or not (user.is_authenticated or cart.typed.buyer.get("email")):
        raise CannotPlace("details")
    expired = cart.held_until is None or cart.held_until <= now
    changed = expired and not all(contents.is_as_offered(line) for line in whole.lines)
    if changed or whole.content_hash != content_hash:
        raise CannotPlace("changed")
    if found := contents.problems(whole, now):
        raise CannotPlace("rules", problems=found)
    method = methods.offered(cart.point_of_sale, whole.total, cart.point_of_sale.organiser.currency).get(
        method_code
    )
    if method is None:
        raise CannotPlace("method")
    return method


def _people(cart: Cart, holders: dict, user, language: str, now: datetime) -> tuple[Contact, dict[str, int]]:
    """Whose order it is, and slot -> contact id for the tickets that somebody was chosen for.

    Another order of, or for, one of these people waits until this one is written: a maximum per person is kept,
    and nobody is merged away meanwhile.
    """
    if not user.is_authenticated:
        return _guest(cart, language, now), {}
    buyer = contacts.for_user(cart.point_of_sale.organiser, user, language=language, now=now)
    whom = person_limits.beneficiaries(buyer, holders)
    asked = {buyer.pk, *whom.values()}
    held = locking.lock_all(asked)
    if len(held) < len(asked):
        whom = person_limits.beneficiaries(buyer, holders)
        if not asked.issuperset(whom.values()):
            raise _Moved
        # Being erased: then the ticket is for nobody in particular, under the name that was typed.
        whom = {slot: contact_id for slot, contact_id in whom.items() if contact_id in held}
    if buyer.pk not in held:
        raise CannotPlace("person")
    buyer = held[buyer.pk]
    typed = cart.typed.buyer
    missing = {
        name: typed[name] for name in ("first_name", "last_name") if typed[name] and not getattr(buyer, name)
    }
    if missing:
        contacts.change(buyer, missing, by=user, now=now)
    return buyer, whom


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


def new(whole: contents.Contents, buyer: Contact, method, user, language: str, now: datetime) -> Order:
    """An order for what lies in the cart, not yet written."""
    cart = whole.cart
    vat = pricing.cart_vat(whole.lines)
    return Order(
        organiser=cart.point_of_sale.organiser,
        point_of_sale=cart.point_of_sale,
        reference=references.readable(),
        secret=references.secret(),
        checkout_key=cart.checkout_key,
        content_hash=whole.content_hash,
        buyer=buyer,
        payment_method=method.code,
        currency=cart.point_of_sale.organiser.currency,
        total=whole.total,
        vat_total=vat,
        language=language,
        placed_at=now,
        expires_at=method.expires_at(cart.point_of_sale.organiser, first_start(whole), now),
        created_by=user if user.is_authenticated else None,
        network=cart.network if whole.total > ZERO and not user.is_authenticated else "",
    )


def first_start(whole: contents.Contents) -> datetime | None:
    """When the earliest session of the cart begins; None for passes alone."""
    return min((line.session.starts_at for line in whole.lines if line.session), default=None)


def cancel(order: Order, *, by, now: datetime) -> bool:
    """Cancel a pending or paid order: places are free again, money that came is to be paid back.

    Returns False if it was cancelled or expired already: then nothing changes.
    """
    return _end(order, Order.State.CANCELLED, [Order.State.PENDING, Order.State.PAID], by, now)


def expire(order: Order, *, now: datetime) -> bool:
    """An order was not paid in time: its places are free again. False if it is not pending any more."""
    return _end(order, Order.State.EXPIRED, [Order.State.PENDING], None, now)


@transaction.atomic
def _end(order: Order, state: str, before: list[str], by, now: datetime) -> bool:
    changed = Order.objects.filter(pk=order.pk, state__in=before).update(
        state=state, cancelled_at=now, network=""
    )
    if not changed:
        order.refresh_from_db()
        return False
    order.refresh_from_db()
    payments.stop(order, now=now)
    # Before the tickets change: whoever is told is held, and an erasure holds people before their tickets.
    notices.queue(order, f"order_{state}", now)
    tickets.cancel(order)
    responses.cancel(
        Response.objects.filter(
            Q(order_response__order=order)
            | Q(ticket__order=order)
            | Q(issued_pass__order=order)
            | Q(issued_pass_adding__order=order)
        )
    )
    history.record(order, state, by=by, now=now)
    freed: dict[int, int] = {}
    for allotment, count in OrderLine.objects.filter(order=order).values_list("allotment_id", "places"):
        freed[allotment] = freed.get(allotment, 0) + count
    places.release(freed)
    return True


EXPIRE = RowJob(
    "sales.expire_orders",
    gettext_lazy("End an order that was not paid in time"),
    rows=lambda now: Order.objects.filter(state=Order.State.PENDING, expires_at__lte=now).order_by(
        "expires_at"
    ),
    act=lambda order, now: expire(order, now=now),
)


def expire_overdue(now: datetime) -> int:
    """Expire every pending order whose time has come; returns how many. One transaction each."""
    return EXPIRE.run(now)


def _to_remind(now: datetime) -> QuerySet[Order]:
    """Return the unpaid orders whose payment method reminds, after the days that their organiser has set."""
    one_day = Value(timedelta(days=1))
    due = Q()
    for code, method in methods.METHODS.items():
        if method.reminder_days:
            wait = ExpressionWrapper(
                F(f"organiser__{method.reminder_days}") * one_day, output_field=DurationField()
            )
            due |= Q(payment_method=code, placed_at__lte=Value(now) - wait)
    return (
        Order.objects.filter(
            due,
            # Nobody is asked to pay for a date that is cancelled.
            ~Exists(Ticket.objects.filter(order=OuterRef("pk"), session__state=Session.State.CANCELLED)),
            state=Order.State.PENDING,
            reminded_at=None,
            expires_at__gt=now,
        )
        .select_related("organiser", "buyer", "point_of_sale")
        .order_by("placed_at")
    )


def _remind(order: Order, now: datetime) -> bool:
    still_due = Order.objects.filter(pk=order.pk, reminded_at=None, state=Order.State.PENDING)
    if not still_due.update(reminded_at=now):
        return False
    # As it is now that the order is held: the buyer may have been erased meanwhile.
    order.refresh_from_db(fields=["buyer"])
    notices.queue(order, "order_reminder", now)
    return True


REMIND = RowJob("sales.remind", gettext_lazy("Remind a buyer to pay"), rows=_to_remind, act=_remind)


def remind(now: datetime) -> int:
    """Remind the buyers of bank transfers that have not come, once each; returns how many."""
    return REMIND.run(now)
