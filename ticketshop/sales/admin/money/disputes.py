"""Disputed payments in the list and on the pages of orders."""

from django.contrib import admin
from django.utils.formats import date_format
from django.utils.timezone import localtime
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from ticketshop.lib.web.template_tags import money

from ...models import Dispute, Order
from ...payments import disputes, refunds


class DisputeFilter(admin.SimpleListFilter):
    """Filter orders by whether a payment is disputed."""

    title = gettext_lazy("disputed payment")
    parameter_name = "dispute"

    def lookups(self, request, model_admin):
        return [("any", _("Any")), *Dispute.State.choices]

    def queryset(self, request, queryset):
        value = self.value()
        if value not in {"any", *Dispute.State.values}:
            return queryset
        rows = Dispute.objects.filter(**({} if value == "any" else {"state": value}))
        return queryset.filter(pk__in=rows.values("payment__order"))


def notes(order: Order) -> list[str]:
    """Return sentences about disputed payments: what happens, and what staff decide."""
    sentences = _of_credit(order)
    for dispute in disputes.of_order(order):
        values = {
            "amount": money(dispute.amount, dispute.payment.currency),
            "day": date_format(localtime(dispute.opened_at), "SHORT_DATE_FORMAT"),
        }
        if dispute.state == Dispute.State.OPEN:
            sentences.append(
                _(
                    "The buyer has disputed a payment of %(amount)s with their bank on %(day)s. The answer is given on the pages of the payment service, by the person who has its log-in. Decide here whether the tickets stay valid."
                )
                % values
            )
        elif dispute.state == Dispute.State.LOST:
            sentences.append(
                _(
                    "The bank has taken %(amount)s back after the dispute of %(day)s. It is among the refunds of this order, so “Cancel” proposes only what is left. Decide whether the tickets stay valid."
                )
                % values
            )
    return sentences


def _of_credit(order: Order) -> list[str]:
    """Return a sentence if a bank took money that was credited to this order in an exchange."""
    lost = refunds.credit_lost(order)
    if not lost:
        return []
    return [
        _(
            "Of the credit from order %(reference)s, a bank took %(amount)s after a dispute: it is not paid back once more. Decide whether the tickets stay valid."
        )
        % {
            "reference": order.exchange.cancellation.order.reference,
            "amount": money(lost, order.currency),
        }
    ]
