"""Payments and refunds."""

from datetime import datetime

from django import forms
from django.contrib import admin, messages
from django.db.models import Q
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from ticketshop.lib.database.ids import FEW, few_keys
from ticketshop.lib.values import references
from ticketshop.lib.web.template_tags import money
from ticketshop.office.buttons import Button, Outcome
from ticketshop.office.scoped_admin import ReadOnlyAdmin
from ticketshop.office.sections import NONE, link
from ticketshop.organisers import role_names

from ...counter.finding import references_begin
from ...models import Payment, Refund
from ...payments import disputes, methods, payments, refunds
from ...payments.methods import name_of
from ..tables import when
from .reversing import REVERSE


class OfAnOrder:
    """Mixin with columns of rows that belong to an order."""

    @admin.display(description=gettext_lazy("order"))
    def order_link(self, row):
        """Return a link to the order."""
        order = row.order
        return link(order, order.reference)


class ReversedFilter(admin.SimpleListFilter):
    """Filter by whether a payment was taken back."""

    title = gettext_lazy("recorded by mistake")
    parameter_name = "reversed"

    def lookups(self, request, model_admin):
        return [("yes", _("Yes"))]

    def queryset(self, request, queryset):
        return queryset.filter(reversals__isnull=False) if self.value() == "yes" else queryset


@admin.register(Payment)
class PaymentAdmin(OfAnOrder, ReadOnlyAdmin):
    list_display = ["started_at", "order_reference", "method_text", "amount_text", "reference", "state_text"]
    list_filter = ["state", ReversedFilter, "started_at"]
    list_select_related = ["order"]
    ordering = ["-pk"]
    search_fields = ["reference"]
    search_help_text = gettext_lazy("The beginning of the payment’s or the order’s reference.")
    buttons = (REVERSE,)
    fields = [
        "order_link",
        "method_text",
        "amount_text",
        "reference",
        "provider_reference",
        "state_text",
        "reversal_text",
        "started_at",
        "asked_at",
        "confirmed_at",
        "confirmed_by_text",
    ]
    readonly_fields = fields

    def get_queryset(self, request):
        rows = super().get_queryset(request).select_related("order", "confirmed_by")
        return rows.prefetch_related("reversals__made_by")

    def get_search_results(self, request, queryset, search_term):
        typed = references.compact(search_term)
        if not typed:
            return queryset, False
        # The second condition is there to use the partial index.
        of_payment = Q(reference__startswith=typed) & ~Q(reference="")
        of_order = references_begin("order__reference", search_term)
        keys = few_keys(Payment.objects, [of_payment, of_order], FEW)
        few = Q() if keys is None else Q(pk__in=keys)
        return queryset.filter(of_payment | of_order, few), False

    @admin.display(description=gettext_lazy("order"))
    def order_reference(self, payment):
        return payment.order.reference

    @admin.display(description=gettext_lazy("method"))
    def method_text(self, payment):
        return name_of(payment.method)

    @admin.display(description=gettext_lazy("amount"))
    def amount_text(self, payment):
        return money(payment.amount, payment.currency)

    @admin.display(description=gettext_lazy("state"), ordering="state")
    def state_text(self, payment):
        return payment.state_text

    @admin.display(description=gettext_lazy("recorded by mistake"))
    def reversal_text(self, payment):
        """Return why, when and by whom the payment was taken back."""
        parts = [
            (
                reversal.get_reason_display(),
                when(reversal.made_at),
                reversal.made_by and reversal.made_by.email,
            )
            for reversal in payment.reversals.all()
        ]
        return ", ".join(str(part) for found in parts for part in found if part) or NONE

    @admin.display(description=gettext_lazy("confirmed by"))
    def confirmed_by_text(self, payment):
        return payment.confirmed_by.email if payment.confirmed_by else NONE


def _question(refund: Refund) -> list[str]:
    disputed = [
        _(
            "The buyer disputes this payment with their bank, which may take the money too. Wait for its decision before you pay."
        )
    ]
    return [
        *(disputed if disputes.is_open(refund.payment) else []),
        _("%(amount)s has gone back to the buyer of order %(reference)s.")
        % {
            "amount": money(refund.amount, refund.payment.currency),
            "reference": refund.payment.order.reference,
        },
        _("The payment service has refused to pay it back: pay it in another way first, then note it here.")
        if refund.state == Refund.State.FAILED
        else _("The shop moves no money itself: pay first, then note it here."),
    ]


def _by_hand(refund: Refund, user) -> str:
    """Return why a refund is paid back by hand, and what this user does about it, or who can."""
    what = (
        _("The payment service has refused to pay this money back: it is paid in another way, by hand.")
        if refund.state == Refund.State.FAILED
        else _("This money is paid back by hand: the shop can’t move it.")
    )
    may = all(user.has_perm(name, refund) for name in REFUND_DONE.permissions)
    then = (
        _("Pay it, then note it here with “Refund done”.")
        if may
        else role_names.ask_them("sales.change_refund")
    )
    return f"{what} {then}"


class DoneForm(forms.Form):
    """Form: the method by which staff paid the money back."""

    done_as = forms.ChoiceField(label=gettext_lazy("Paid back by"), widget=forms.RadioSelect)

    def __init__(self, data, refund: Refund):
        super().__init__(data)
        ways = {code: name_of(code) for code in (*methods.TAKEN_BY_STAFF, methods.TRANSFER)}
        self.fields["done_as"].choices = list(ways.items())
        method = refund.payment.method
        self.fields["done_as"].initial = method if method in ways else methods.TRANSFER


def _done(request, refund: Refund, now: datetime, entered: dict) -> Outcome:
    if payments.refund_done(refund, by=request.user, now=now, done_as=entered["done_as"]):
        return messages.SUCCESS, _("Noted: the money went back.")
    return messages.WARNING, _("This was noted already. Nothing has changed.")


REFUND_DONE = Button(
    "done",
    gettext_lazy("Refund done"),
    ("sales.change_order", "sales.change_refund"),
    refunds.is_for_staff,
    _question,
    _done,
    form=DoneForm,
)


class WaitsForFilter(admin.SimpleListFilter):
    """Filter by who pays the money back."""

    title = gettext_lazy("waits for")
    parameter_name = "waits"

    def lookups(self, request, model_admin):
        return [("staff", gettext_lazy("a member of staff"))]

    def queryset(self, request, queryset):
        return queryset.filter(pk__in=refunds.requested_from_staff()) if self.value() == "staff" else queryset


@admin.register(Refund)
class RefundAdmin(OfAnOrder, ReadOnlyAdmin):
    list_display = ["requested_at", "order_reference", "amount_text", "method_text", "state_text", "done_at"]
    list_filter = ["state", WaitsForFilter, "kind", "payment__order__organiser", "requested_at"]
    ordering = ["-pk"]
    search_fields = ["payment__order__reference"]
    search_help_text = gettext_lazy("The beginning of the order’s reference.")
    buttons = (REFUND_DONE,)
    fields = [
        "order_link",
        "amount_text",
        "method_text",
        "payment_reference",
        "kind",
        "state_text",
        "requested_at",
        "done_at",
        "done_as_text",
        "done_by_text",
        "refused_at",
    ]
    readonly_fields = fields

    def get_queryset(self, request):
        return super().get_queryset(request).select_related("payment__order", "done_by")

    def notes(self, request, row):
        """Say who pays the money back by hand, or that nobody does because a bank has taken it."""
        sentences = []
        if row.dispute_id:
            sentences = [
                _("The buyer’s bank took this money after a dispute: nobody pays it back once more.")
            ]
        elif refunds.is_for_staff(row):
            sentences = [_by_hand(row, request.user)]
        return [*super().notes(request, row), *sentences]

    def get_search_results(self, request, queryset, search_term):
        if not references.compact(search_term):
            return queryset, False
        return queryset.filter(references_begin("payment__order__reference", search_term)), False

    def lookup_allowed(self, lookup, value, request):
        """Allow the link of the start page to what is not paid back yet."""
        return lookup == "done_at__isnull" or super().lookup_allowed(lookup, value, request)

    @admin.display(description=gettext_lazy("state"), ordering="state")
    def state_text(self, refund):
        return refund.state_text

    @admin.display(description=gettext_lazy("order"))
    def order_reference(self, refund):
        return refund.payment.order.reference

    @admin.display(description=gettext_lazy("order"))
    def order_link(self, refund):
        return super().order_link(refund.payment)

    @admin.display(description=gettext_lazy("amount"))
    def amount_text(self, refund):
        return money(refund.amount, refund.payment.currency)

    @admin.display(description=gettext_lazy("paid back by"))
    def done_as_text(self, refund):
        return name_of(refund.done_as) if refund.done_as else NONE

    @admin.display(description=gettext_lazy("noted by"))
    def done_by_text(self, refund):
        return refund.done_by.email if refund.done_by else NONE

    @admin.display(description=gettext_lazy("paid by"))
    def method_text(self, refund):
        return name_of(refund.payment.method)

    @admin.display(description=gettext_lazy("payment reference"))
    def payment_reference(self, refund):
        return refund.payment.reference
