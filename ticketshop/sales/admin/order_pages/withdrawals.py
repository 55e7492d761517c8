"""Withdrawals of buyers in the list and on the pages of orders. The refund is proposed by the page *Cancel*."""

from datetime import datetime

from django.contrib import admin, messages
from django.db.models import Q, QuerySet
from django.http import HttpRequest
from django.utils.formats import date_format
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from contacts import names
from contacts.models import Contact
from ticketshop.office.buttons import Button, Outcome
from ticketshop.office.sections import Section

from ...models import Admission, Order, Withdrawal
from ...orders.withdrawal import stating
from .. import tables


class WithdrawalFilter(admin.SimpleListFilter):
    """Filter orders by whether their buyer has withdrawn."""

    title = gettext_lazy("withdrawal")
    parameter_name = "withdrawal"

    def lookups(self, request, model_admin):
        return [("open", _("to be dealt with")), ("any", _("Any"))]

    def queryset(self, request, queryset):
        if self.value() not in {"open", "any"}:
            return queryset
        rows = (
            Withdrawal.objects.all() if self.value() == "any" else Withdrawal.objects.filter(settled_at=None)
        )
        return queryset.filter(pk__in=rows.values("line__order"))


def _of(order: Order) -> QuerySet[Withdrawal]:
    return Withdrawal.objects.filter(line__order=order).order_by("pk")


def notes(order: Order) -> list[str]:
    """Return sentences about open withdrawals: what was stated, what to look at, what to press. One query, two if there are some."""
    found = list(_of(order).filter(settled_at=None).select_related("line__season_pass"))
    return [sentence for row in found for sentence in _about(order, row)]


def _about(order: Order, row: Withdrawal) -> list[str]:
    values = {
        "what": row.line.shown_title,
        "name": row.name,
        "when": tables.when(row.stated_at),
        "day": date_format(row.last_day, "SHORT_DATE_FORMAT"),
    }
    text = (
        _("On %(when)s the buyer withdrew from the purchase of “%(what)s”, under the name “%(name)s”.")
        % values
    )
    sentences = [text]
    if row.late:
        sentences.append(
            _(
                "That was late: the last day was %(day)s. Decide whether you take it back all the same, and write to the buyer."
            )
            % values
        )
    if order.buyer and not _is_name_of(row.name, order.buyer):
        sentences.append(_("The name is not the buyer’s: ask them before you cancel."))
    was_used = Q(state=Admission.State.USED) | Q(check_ins__isnull=False)
    if order.passes.filter(was_used, line=row.line).exists():
        sentences.append(
            _("It was used at the door already. The law lets you keep the value of what was used.")
        )
    if order.state == Order.State.PENDING:
        sentences.append(
            _("The order is not paid: “Cancel” ends all of it, and there is nothing to pay back.")
        )
    else:
        sentences.append(
            _(
                "Choose it under “Cancel”: its price is then proposed as the amount to pay back, which is due within 14 days of the statement. If you do not take the pass back, press “Withdrawal dealt with”."
            )
        )
    return sentences


def _is_name_of(typed: str, buyer: Contact) -> bool:
    """Return whether a name typed as one text is the buyer's by the rule for names, for each possible beginning of the last name."""
    words = typed.split()
    return any(
        names.same_person(" ".join(words[:last]), " ".join(words[last:]), buyer.first_name, buyer.last_name)
        for last in range(len(words) + 1)
    )


def section(order: Order) -> Section:
    """Return the table of the withdrawals of an order."""
    rows = [
        [
            row.line.shown_title,
            row.name,
            tables.when(row.stated_at),
            date_format(row.last_day, "SHORT_DATE_FORMAT"),
            _("late") if row.late else _("in time"),
            tables.when(row.settled_at) if row.settled_at else _("open"),
            row.settled_by.email if row.settled_by else "",
        ]
        for row in _of(order).select_related("line__season_pass", "settled_by")
    ]
    columns = [_("what"), _("name"), _("stated"), _("last day"), _("in time?"), _("dealt with"), _("by")]
    return Section(_("Withdrawals"), columns, rows)


def _is_open(order: Order) -> bool:
    return _of(order).filter(settled_at=None).exists()


def _settle(request: HttpRequest, order: Order, now: datetime) -> Outcome:
    if not stating.settle(order, by=request.user, now=now):
        return messages.INFO, _("It was dealt with already. Nothing has changed.")
    return messages.SUCCESS, _("Noted: the withdrawal is dealt with.")


SETTLE = Button(
    "withdrawal-settled",
    gettext_lazy("Withdrawal dealt with"),
    ("sales.change_order",),
    _is_open,
    lambda order: [
        _(
            "Nothing is cancelled and nothing is paid back: the withdrawal only disappears from the list. The buyer is not told; write to them and explain why."
        ),
        _("To take the pass back, use “Cancel” instead: then the withdrawal closes by itself."),
    ],
    _settle,
)
