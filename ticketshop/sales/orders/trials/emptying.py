"""Delete every test order of a shop that was never opened, with all that belongs to it, as if it had never been.

First each order is cancelled in the usual way, so that places and limited choices are free again and no page of a provider stays
open. Then the rows are deleted, in one transaction. Interrupted anywhere, it is started again and goes on.
"""

from datetime import datetime
from decimal import Decimal

from django.db import transaction
from django.db.models import SET_NULL, Model, Q

from contacts.models import Contact
from registration_forms.models import Response
from ticketshop.catalogue import places
from ticketshop.history import history
from ticketshop.history.models import Event as HistoryRecord
from ticketshop.mail.models import Mail
from ticketshop.organisers.models import PointOfSale

from ...cart import carts
from ...models import LIVING_ORDERS, BankEntry, Cart, Order, Ticket, TicketGift, responses_of
from .. import orders


class CannotEmpty(Exception):
    """Something real belongs to a test order: money of a bank file, or a place booked elsewhere. ``references`` of the orders."""

    def __init__(self, references: list[str]):
        super().__init__(f"something real belongs to test orders: {references}")
        self.references = references


def cancel_all(pos: PointOfSale, *, by, now: datetime) -> None:
    """Cancel every test order, so that its places and limited choices are free. Outside of a transaction.

    Raise ProviderUnavailable while the payment service of a payment in test mode does not answer.
    """
    for order in Order.objects.filter(point_of_sale=pos, state__in=LIVING_ORDERS).order_by("pk"):
        orders.cancel(order, by=by, now=now, pay_back=Decimal(0))


def delete_all(pos: PointOfSale, *, by, now: datetime) -> int | None:
    """Delete the cancelled test orders of a shop, and its carts. Return their number; None if an order was placed meanwhile.

    The caller has locked the shop's row, for UPDATE, in this transaction. Raise CannotEmpty.
    """
    assert pos.in_trial, "only a shop that was never opened has test orders"
    test_orders = list(Order.objects.filter(point_of_sale=pos).order_by("pk"))
    if any(order.state in LIVING_ORDERS for order in test_orders):
        return None
    ids = [order.pk for order in test_orders]
    entries = BankEntry.objects.filter(Q(order__in=ids) | Q(payment__order__in=ids))
    if entries.exists():
        rows = Order.objects.filter(
            Q(pk__in=entries.values("order")) | Q(payments__in=entries.values("payment"))
        )
        raise CannotEmpty(sorted(set(rows.values_list("reference", flat=True))))
    for cart in Cart.objects.filter(point_of_sale=pos):
        places.end_holds(cart.key)
        carts.delete(cart)
    responses = _responses(test_orders)
    buyers = {order.buyer_id for order in test_orders if order.buyer_id}
    _forget_mails(ids)
    _delete_tree(ids)
    Response.objects.filter(pk__in=responses).delete()
    _delete_unused(buyers)
    if ids:
        history.record(pos, "emptied", by=by, now=now, count=len(ids))
    return len(ids)


def _responses(test_orders: list[Order]) -> list[int]:
    """Return the keys of all answers of these orders, also of those to which tickets had others before they were given."""
    keys = [pk for order in test_orders for pk in responses_of(order).values_list("pk", flat=True)]
    former = Response.objects.filter(former_ticket__ticket__order__in=[order.pk for order in test_orders])
    return [*keys, *former.values_list("pk", flat=True)]


def _forget_mails(ids: list[int]) -> None:
    """Delete the mails about these orders, their tickets, and offers of these. One that is still queued stays as a cancelled one that
    tells nothing: its job looks it up.
    """
    tickets = list(Ticket.objects.filter(order__in=ids).values_list("pk", flat=True))
    gifts = list(TicketGift.objects.filter(ticket__in=tickets).values_list("pk", flat=True))
    about = Q(about__order__in=ids) | Q(about__ticket__in=tickets) | Q(about__gift__in=gifts)
    mails = Mail.objects.filter(about)
    mails.filter(state=Mail.State.QUEUED).update(
        state=Mail.State.CANCELLED, about={}, recipient="", subject_uuid=None, once=None
    )
    mails.exclude(state=Mail.State.QUEUED).delete()


def _delete_tree(ids: list[int]) -> None:
    """Delete the orders and every row of any table that refers to them, with the records in the history."""
    found: dict[type[Model], set] = {}
    order_of_models: list[type[Model]] = []
    _collect(Order, set(ids), found, order_of_models)
    for model in order_of_models:
        _check_only_tests(model, found[model], ids)
    for model in order_of_models:
        keys = found[model]
        rows = model._base_manager.filter(pk__in=keys)
        rows._raw_delete(rows.db)
        texts = [str(key) for key in keys]
        HistoryRecord.objects.filter(model=model._meta.label_lower, object_id__in=texts).delete()


def _check_only_tests(model: type[Model], keys: set, ids: list[int]) -> None:
    """Raise CannotEmpty if one of these rows belongs to another order, such as a place that was booked with a test pass elsewhere."""
    if any(
        column.name == "order" and column.related_model is Order for column in model._meta.concrete_fields
    ):
        others = model._base_manager.filter(pk__in=keys).exclude(order__in=ids)
        if references := sorted(set(others.values_list("order__reference", flat=True))):
            raise CannotEmpty(references)


def _collect(
    model: type[Model], ids: set, found: dict[type[Model], set], order_of_models: list[type[Model]]
) -> None:
    """Add the keys of all rows that refer to these rows, and their models in the order in which to delete: the last ones first."""
    known = found.setdefault(model, set())
    new = ids - known
    if not new:
        return
    known |= new
    for relation in model._meta.get_fields(include_hidden=True):
        if not (
            relation.auto_created and not relation.concrete and (relation.one_to_many or relation.one_to_one)
        ):
            continue
        field = relation.field
        rows = relation.related_model._base_manager.filter(**{f"{field.name}__in": new})
        if field.remote_field.on_delete is SET_NULL:
            rows.update(**{field.name: None})
        else:
            _collect(relation.related_model, set(rows.values_list("pk", flat=True)), found, order_of_models)
    if model in order_of_models:
        order_of_models.remove(model)
    order_of_models.append(model)


def _delete_unused(contacts: set[int]) -> None:
    """Delete the buyers who have no log-in and of whom nothing else is known."""
    for contact in Contact.objects.filter(pk__in=contacts, user=None):
        if not _is_referred_to(contact):
            HistoryRecord.objects.filter(model="contacts.contact", object_id=str(contact.pk)).delete()
            contact.delete()


def _is_referred_to(contact: Contact) -> bool:
    relations = (
        relation
        for relation in contact._meta.get_fields(include_hidden=True)
        if relation.auto_created and not relation.concrete and (relation.one_to_many or relation.one_to_one)
    )
    return any(
        relation.related_model._base_manager.filter(**{relation.field.name: contact.pk}).exists()
        for relation in relations
    )


def empty(pos: PointOfSale, *, by, now: datetime) -> int:
    """Cancel and delete all test orders of a shop that stays closed. Return their number. Raise as the functions above."""
    number = None
    while number is None:
        cancel_all(pos, by=by, now=now)
        with transaction.atomic():
            locked = (
                PointOfSale.objects.select_for_update(of=("self",)).select_related("organiser").get(pk=pos.pk)
            )
            if locked.reachable:
                return 0
            number = delete_all(locked, by=by, now=now)
    return number
