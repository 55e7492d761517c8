"""Money that waits for a member of staff, for the start page of the back office. A new kind is an entry in ``KINDS``."""

from collections.abc import Callable
from dataclasses import dataclass

from django.db.models import Count, QuerySet, Value
from django.urls import reverse
from django.utils.translation import ngettext

from ticketshop.organisers import permissions, role_names

from ..models import BankEntry, Dispute, Refund, Withdrawal
from ..payments import differences, refunds


@dataclass(frozen=True)
class Kind:
    """A kind of waiting money. ``permission`` sees it, ``acts`` deals with it. ``rows``: those that wait now, rows of a model with ``organiser_path``. ``sentence(number)`` says it, for a number
    above zero. ``page``: the URL name of the list of these rows, ``query`` its filter.
    """

    permission: str
    acts: str
    rows: Callable[[], QuerySet]
    sentence: Callable[[int], str]
    page: str
    query: str = ""


@dataclass(frozen=True)
class Waiting:
    """A sentence on the start page with its link."""

    sentence: str
    url: str
    # Who deals with it, for a user who can't.
    note: str = ""


def _to_pay(number: int) -> str:
    return ngettext(
        "%(count)d refund has to be paid by hand.", "%(count)d refunds have to be paid by hand.", number
    ) % {"count": number}


def _refused(number: int) -> str:
    return ngettext(
        "%(count)d refund was refused by the payment service: pay it in another way.",
        "%(count)d refunds were refused by the payment service: pay them in another way.",
        number,
    ) % {"count": number}


def _of_bank_files(number: int) -> str:
    return ngettext(
        "%(count)d payment of a bank file is to be looked at.",
        "%(count)d payments of bank files are to be looked at.",
        number,
    ) % {"count": number}


def _disputed(number: int) -> str:
    return ngettext(
        "%(count)d payment is disputed by its buyer at their bank.",
        "%(count)d payments are disputed by their buyers at their banks.",
        number,
    ) % {"count": number}


def _withdrawn(number: int) -> str:
    return ngettext(
        "The buyer of %(count)d pass has withdrawn from the purchase: cancel the pass to pay the price back.",
        "The buyers of %(count)d passes have withdrawn from the purchase: cancel the passes to pay the prices back.",
        number,
    ) % {"count": number}


def _differing(number: int) -> str:
    return ngettext(
        "%(count)d difference to the list of a payment service is to be looked at.",
        "%(count)d differences to the lists of payment services are to be looked at.",
        number,
    ) % {"count": number}


KINDS = [
    Kind(
        "sales.view_refund",
        "sales.change_refund",
        refunds.requested_from_staff,
        _to_pay,
        "admin:sales_refund_changelist",
        "waits=staff",
    ),
    Kind(
        "sales.view_refund",
        "sales.change_refund",
        lambda: Refund.objects.filter(state=Refund.State.FAILED),
        _refused,
        "admin:sales_refund_changelist",
        "state__exact=failed",
    ),
    Kind(
        "sales.view_bankentry",
        "sales.change_bankentry",
        lambda: BankEntry.objects.filter(state=BankEntry.State.OPEN),
        _of_bank_files,
        "admin:sales_bankentry_changelist",
        "state__exact=open",
    ),
    Kind(
        "sales.view_dispute",
        "sales.change_order",
        lambda: Dispute.objects.filter(state=Dispute.State.OPEN),
        _disputed,
        "admin:sales_order_changelist",
        "dispute=open",
    ),
    Kind(
        "sales.view_order",
        "sales.change_order",
        lambda: Withdrawal.objects.filter(settled_at=None),
        _withdrawn,
        "admin:sales_order_changelist",
        "withdrawal=open",
    ),
    Kind(
        "sales.view_paymentdifference",
        "sales.change_paymentdifference",
        differences.open_rows,
        _differing,
        "admin:sales_paymentdifference_changelist",
        "state=open",
    ),
]


def read(user) -> list[Waiting]:
    """Return what waits in the organisers where this user may see it. One query for all kinds."""
    counts = [_count(user, index, kind) for index, kind in enumerate(KINDS) if user.has_perm(kind.permission)]
    if not counts:
        return []
    first, *others = counts
    return [
        Waiting(KINDS[index].sentence(number), _url(KINDS[index]), _note(user, KINDS[index]))
        for index, number in sorted(first.union(*others, all=True))
        if number
    ]


def _count(user, index: int, kind: Kind) -> QuerySet:
    """Return a query for (index, number of rows of this kind that the user may see)."""
    rows = permissions.for_staff(kind.rows(), user, kind.permission).order_by()
    return rows.values_list(Value(index)).annotate(number=Count("pk"))


def _note(user, kind: Kind) -> str:
    return "" if user.has_perm(kind.acts) else role_names.ask_them(kind.acts)


def _url(kind: Kind) -> str:
    return reverse(kind.page) + (f"?{kind.query}" if kind.query else "")
