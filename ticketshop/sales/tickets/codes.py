"""New codes for tickets and passes. The old code is kept as replaced, so that the entrance can tell why it lets nobody in."""

from collections.abc import Collection, Iterable
from datetime import datetime

from django.db import transaction
from django.utils.translation import gettext as _

from contacts import locking
from ticketshop.history import history
from ticketshop.lib import translated
from ticketshop.lib.values import references

from .. import notices
from ..admission_lists import heading, passes_of, tickets_of
from ..models import Admission, IssuedPass, Order, ReplacedCode, Ticket
from . import deadlines


class CannotReplace(Exception):
    """No code was replaced. ``problems``: sentences that tell why, and what to do."""

    def __init__(self, problems: list[str]):
        super().__init__("; ".join(problems))
        self.problems = problems


def admissions_of(order: Order) -> list[Ticket | IssuedPass]:
    """Return the tickets and passes of an order, with the order."""
    admissions: list[Ticket | IssuedPass] = [*tickets_of(order), *passes_of(order)]
    for admission in admissions:
        admission.order = order
    return admissions


def key_of(admission: Ticket | IssuedPass) -> str:
    """Return the name by which a form posts a ticket or pass."""
    return f"{'ticket' if isinstance(admission, Ticket) else 'pass'}{admission.pk}"


def why_not(admission: Ticket | IssuedPass, now: datetime) -> str:
    """Return why a ticket or pass can't have a new code, in a sentence; empty if it can."""
    order, text = admission.order, ""
    if order.state == Order.State.PENDING:
        text = _("“%(what)s” is not paid yet, so its code lets nobody in. Nothing has changed.")
    elif order.state != Order.State.PAID or admission.shown_state == Admission.State.CANCELLED:
        text = _("“%(what)s” is cancelled. Nothing has changed.")
    elif admission.state == Admission.State.USED:
        text = _(
            "“%(what)s” was used at the entrance, so its code lets nobody in again. Nothing has changed."
        )
    elif isinstance(admission, Ticket) and admission.date_cancelled:
        text = _("The date of “%(what)s” is cancelled. Nothing has changed.")
    elif now >= _end(admission):
        text = _("“%(what)s” is over. Nothing has changed.")
    return translated.compose(text, what=heading(admission)) if text else ""


def _end(admission: Ticket | IssuedPass) -> datetime:
    return admission.session.ends_at if isinstance(admission, Ticket) else deadlines.end_of_pass(admission)


def number_replaced(order: Order) -> int:
    """Return how many codes of an order were replaced until now."""
    return ReplacedCode.objects.filter(order=order).count()


@transaction.atomic
def renew(
    order: Order,
    keys: Collection[str],
    *,
    by,
    now: datetime,
    new_link: bool = False,
    before: int | None = None,
) -> list[Ticket | IssuedPass]:
    """Give tickets and passes of an order (``key_of``) a new code and mail them to the people who had the old one.

    ``new_link``: also give the order's page a new link, so that a person with an old mail does not see the new codes there.
    ``before``: ``number_replaced`` when the staff member opened the page, so that a page that is sent twice replaces codes once.
    Return the tickets and passes. Raise CannotReplace; then nothing has changed.
    """
    # Locks in the sequence of a payment: order, beneficiaries, tickets.
    order = lock_order(order.pk)
    if before is not None and number_replaced(order) != before:
        raise CannotReplace(
            [
                _(
                    "Nothing has changed: codes of this order were replaced after you opened this page. If another one is needed, open the page again."
                )
            ]
        )
    admissions = [admission for admission in admissions_of(order) if key_of(admission) in keys]
    if not admissions or len(admissions) < len(set(keys)):
        raise CannotReplace([_("Choose the tickets that get a new code.")])
    people = {admission.beneficiary_id for admission in admissions} - {None, order.buyer_id}
    held = locking.lock_all(people)
    lock(admissions)
    if problems := [sentence for admission in admissions if (sentence := why_not(admission, now))]:
        raise CannotReplace(list(dict.fromkeys(problems)))
    replace(admissions, ReplacedCode.Reason.NEW_CODE, by=by, now=now)
    if new_link and order.secret:
        _replace_link(order, by, now)
    history.record(order, "codes_replaced", by=by, now=now)
    notices.codes_replaced(order, admissions, held, now)
    return admissions


def _replace_link(order: Order, by, now: datetime) -> None:
    replaced = Order.hash_of_secret(order.secret)
    order.secret, order.replaced_secret = references.secret(), replaced
    order.save(update_fields=["secret", "replaced_secret"])
    history.record(order, "link_replaced", by=by, now=now)


def lock_order(order_id: int) -> Order:
    """Lock an order and return it as it is then, with its buyer and point of sale."""
    rows = Order.objects.select_for_update(of=("self",), no_key=True)
    return rows.select_related("buyer", "point_of_sale__organiser").get(pk=order_id)


def lock(admissions: Iterable[Ticket | IssuedPass]) -> None:
    """Lock tickets and passes, and read code and state again: the entrance marks them as used without locking the order."""
    for model in (Ticket, IssuedPass):
        rows = {row.pk: row for row in admissions if isinstance(row, model)}
        locked = model.objects.select_for_update(of=("self",), no_key=True).filter(pk__in=rows).order_by("pk")
        for pk, code, state in locked.values_list("pk", "code", "state"):
            rows[pk].code, rows[pk].state = code, state


def replace(admissions: Iterable[Ticket | IssuedPass], reason: str, *, by, now: datetime) -> None:
    """Give tickets and passes, which are locked, a new code each. Their old codes let nobody in any more."""
    for admission in admissions:
        old, admission.code = admission.code, references.code()
        type(admission).objects.filter(pk=admission.pk).update(code=admission.code)
        keep_replaced(admission, old, reason, by=by, now=now)
        history.record(
            admission,
            "code_replaced",
            by=by,
            now=now,
            organiser_id=admission.order.organiser_id,
            reason=reason,
        )


def keep_replaced(admission: Ticket | IssuedPass, code: str, reason: str, *, by, now: datetime) -> None:
    """Add the row that tells that a code of this ticket or pass was replaced."""
    ReplacedCode.objects.create(
        order_id=admission.order_id,
        code=code,
        ticket=admission if isinstance(admission, Ticket) else None,
        issued_pass=admission if isinstance(admission, IssuedPass) else None,
        reason=reason,
        replaced_at=now,
        replaced_by=history.author(by),
    )
