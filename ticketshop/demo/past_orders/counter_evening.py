"""The counter of the theatre yesterday evening: tickets sold by the box office, with and without a name."""

import random
import uuid
from dataclasses import replace
from datetime import datetime, timedelta
from decimal import Decimal

from accounts.models import User
from contacts.models import Contact
from ticketshop.sales.answers import form_blocks
from ticketshop.sales.cart import carts, contents
from ticketshop.sales.counter import offered, selling, takings
from ticketshop.sales.models import Cart, Order

from ..catalogue import Shop
from ..people import number

# The cash with which the evening begins.
OPENING = Decimal(200)
# Before midnight, method, quantity, and the person or nobody.
SALES = (
    (312, "cash", 2, {}),
    (305, "card_terminal", 2, {}),
    (297, "cash", 1, {"first_name": "Madeleine", "last_name": "Rochat", "phone": "+41227000101"}),
    (290, "cash", 3, {}),
    (
        276,
        "card_terminal",
        4,
        {"first_name": "Urs", "last_name": "Ammann", "phone": "+41227000102"},
    ),
    (268, "invitation", 2, {"first_name": "Claire", "last_name": "Béguin"}),
    (255, "cash", 2, {}),
)


def sell(shop: Shop, clerk: User, midnight: datetime, rng: random.Random) -> list[Order]:
    """Place the orders by the function that the counter's page calls. Call it when all other orders are written.

    Nobody has an e-mail address, so that no mail waits in a new demo.
    """
    placed = []
    for minutes, method, quantity, typed in SALES:
        now = midnight - timedelta(minutes=minutes)
        row = _first_with_places(shop, quantity, now)
        key = row.product.key
        sale = selling.Sale(
            pos=shop.pos,
            key=uuid.uuid4(),
            wanted={key: quantity},
            prices={key: row.product.price},
            person=None,
            typed=typed,
            method=method,
            invitation=Order.Invitation.PRESS if method == "invitation" else "",
        )
        done = selling.sell(sale, by=clerk, now=now)
        order = done if isinstance(done, Order) else _without_answers(done, clerk, now)
        _rename(order, rng)
        placed.append(order)
    _count_cash(shop, clerk, midnight - timedelta(minutes=95))
    return placed


def _rename(order: Order, rng: random.Random) -> None:
    """Give order and buyer references that are the same at every filling."""
    Order.objects.filter(pk=order.pk).update(reference=number(rng))
    if order.buyer_id is not None:
        Contact.objects.filter(pk=order.buyer_id).update(number=number(rng))


def _count_cash(shop: Shop, clerk: User, now: datetime) -> None:
    """Count the cash of the evening: one franc is missing."""
    organiser = shop.pos.organiser
    since = takings.begins_at(organiser, clerk, now)
    taken, _paid_out = takings.cash(organiser, clerk, since, now)
    counted = OPENING + taken - 1
    takings.count(organiser, opening=OPENING, counted=counted, since=since, by=clerk, now=now)


def _without_answers(cart: Cart, clerk: User, now: datetime) -> Order:
    """Place the order of a cart whose forms ask only what may be left blank."""
    blocks = form_blocks.blocks_with_questions(contents.read(cart))
    shown = {
        block.name: {"form": block.version.form_id, "version": block.version.pk, "drawn": []}
        for block in blocks
    }
    answers: dict[str, dict[str, list[str]]] = {block.name: {} for block in blocks}
    details = replace(cart.typed, answers=answers, shown=shown, language="fr")
    carts.write_details(cart, details, complete=True)
    return selling.place(cart, by=clerk, now=now)


def _first_with_places(shop: Shop, quantity: int, now: datetime) -> offered.Row:
    """Return the first tariff of the next dates that asks nothing, costs something and has places."""
    for session in offered.dates(shop.pos, now):
        for group in offered.groups(shop.pos, [session.pk], [], now):
            for row in group.rows:
                tariff = row.product.settings
                simple = not tariff.form_id and not tariff.only_with_id and tariff.min_per_order <= quantity
                free_of_form = not hasattr(session.event, "order_form")
                if simple and free_of_form and tariff.price and row.left >= quantity <= tariff.max_per_order:
                    return row
    raise LookupError("nothing can be sold without a form")
