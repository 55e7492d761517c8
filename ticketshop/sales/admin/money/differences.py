"""Differences between the lists of payment services and what is noted here."""

from datetime import datetime

from django.contrib import admin, messages
from django.utils.formats import date_format
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from ticketshop.lib.web.template_tags import money
from ticketshop.office.buttons import Button, Outcome
from ticketshop.office.scoped_admin import ReadOnlyAdmin
from ticketshop.office.sections import NONE, link
from ticketshop.organisers import permissions

from ...models import PaymentDifference, PaymentMethod
from ...payments import differences
from ...payments.methods import METHODS, name_of

CHANGE = ("sales.change_paymentdifference",)
Code = PaymentDifference.Code
OPEN, HANDLED, GONE = "open", "handled", "gone"
STATES = {
    OPEN: gettext_lazy("to be looked at"),
    HANDLED: gettext_lazy("dealt with"),
    GONE: gettext_lazy("not found any more"),
}
ADVICE = {
    Code.UNKNOWN: gettext_lazy(
        "Search for this reference on the pages of the payment service. If the money is for an order, record it on the order’s page with “Other money came”."
    ),
    Code.NOT_CONFIRMED: gettext_lazy(
        "Open the order and ask the payment service there. If that button is missing, record the money with “Other money came”."
    ),
    Code.OTHER_AMOUNT: gettext_lazy(
        "Compare the order with the pages of the payment service. What is missing or too much is settled on the order’s page."
    ),
    Code.NOT_LISTED: gettext_lazy(
        "Search for this reference on the pages of the payment service. If no money came, decide on the order’s page whether its tickets stay valid."
    ),
    Code.REFUND_UNKNOWN: gettext_lazy(
        "Money went back on the pages of the payment service and not from here: the exports do not contain it. Note it in your books."
    ),
    Code.REFUND_NOT_LISTED: gettext_lazy(
        "Search for the refund on the pages of the payment service: the buyer may still wait for the money."
    ),
    Code.PAGE_UNKNOWN: gettext_lazy(
        "Check that the keys of the point of sale are those of the account that sends the messages, and search for this reference on the pages of the payment service. If money came, record it on the order’s page with “Other money came”."
    ),
    Code.DISPUTE_UNKNOWN: gettext_lazy(
        "Answer the dispute on the pages of the payment service, and check there whether its webhook reaches the shop."
    ),
}


def _state(difference: PaymentDifference) -> str:
    if difference.resolved_at is not None:
        return GONE
    return OPEN if difference.is_open else HANDLED


def _done(request, difference: PaymentDifference, now: datetime) -> Outcome:
    if differences.set_done(difference, by=request.user, now=now):
        return messages.SUCCESS, _("Noted.")
    return messages.WARNING, _("This difference is closed already. Nothing has changed.")


def _reopen(request, difference: PaymentDifference, now: datetime) -> Outcome:
    if differences.reopen(difference, by=request.user, now=now):
        return messages.SUCCESS, _("The difference is to be looked at again.")
    return messages.WARNING, _("This difference is closed by itself or open already. Nothing has changed.")


BUTTONS = (
    Button(
        "done",
        gettext_lazy("Dealt with"),
        CHANGE,
        lambda difference: difference.is_open,
        lambda difference: [
            _("The difference is explained or settled: your name and the time are noted, no money moves."),
            _("It can be opened again. It opens by itself if its amounts change."),
        ],
        _done,
    ),
    Button(
        "reopen",
        gettext_lazy("Look at it again"),
        CHANGE,
        lambda difference: _state(difference) == HANDLED,
        lambda difference: [_("The difference is listed again among those to be looked at.")],
        _reopen,
    ),
)


def _compared(user) -> list[str]:
    """Return a sentence for each payment service of the user's shops: the last day that was compared."""
    codes = [code for code, method in METHODS.items() if method.redirects]
    rows = PaymentMethod.objects.filter(enabled=True, code__in=codes).select_related("point_of_sale")
    rows = permissions.for_staff(rows, user, "sales.view_paymentdifference")
    return [_compared_until(row) for row in rows.order_by("point_of_sale__name", "pk")]


def _compared_until(row: PaymentMethod) -> str:
    values = {"method": name_of(row.code), "shop": row.point_of_sale.name}
    if row.compared_until is None:
        return _("“%(method)s” of “%(shop)s” was not compared yet: that happens each night.") % values
    values["day"] = date_format(row.compared_until, "DATE_FORMAT")
    return (
        _(
            "“%(method)s” of “%(shop)s” is compared up to %(day)s. What is not listed below agrees with the list of the payment service."
        )
        % values
    )


class StateFilter(admin.SimpleListFilter):
    """Filter by whether staff still have to look at it."""

    title = gettext_lazy("state")
    parameter_name = "state"

    def lookups(self, request, model_admin):
        return list(STATES.items())

    def queryset(self, request, queryset):
        match self.value():
            case "open":
                return queryset.filter(resolved_at=None, handled_at=None)
            case "handled":
                return queryset.filter(resolved_at=None, handled_at__isnull=False)
            case "gone":
                return queryset.filter(resolved_at__isnull=False)
        return queryset


@admin.register(PaymentDifference)
class PaymentDifferenceAdmin(ReadOnlyAdmin):
    list_display = ["day", "code", "there_text", "here_text", "point_of_sale", "method_text", "state_text"]
    list_filter = [StateFilter, "code", "day"]
    list_select_related = ["point_of_sale"]
    change_list_template = "admin/sales/differences.html"
    ordering = ["-day", "-pk"]
    search_fields = ["provider_reference"]
    search_help_text = gettext_lazy("Any part of the reference at the payment service.")
    buttons = BUTTONS
    fields = [
        "state_text",
        "code",
        "day",
        "there_text",
        "here_text",
        "order_link",
        "provider_reference",
        "method_text",
        "point_of_sale",
        "found_at",
        "resolved_at",
        "handled_at",
        "handled_by_text",
    ]
    readonly_fields = fields

    def get_queryset(self, request):
        return super().get_queryset(request).select_related("point_of_sale", "payment__order", "handled_by")

    def changelist_view(self, request, extra_context=None):
        return super().changelist_view(
            request, {"compared": _compared(request.user), **(extra_context or {})}
        )

    def notes(self, request, row):
        if not row.is_open:
            return super().notes(request, row)
        by_itself = _(
            "The difference closes by itself when the comparison of the next nights no longer finds it."
        )
        closes = row.code != Code.PAGE_UNKNOWN
        return [*super().notes(request, row), str(ADVICE[row.code]), *([by_itself] if closes else [])]

    @admin.display(description=gettext_lazy("state"))
    def state_text(self, difference):
        return STATES[_state(difference)]

    @admin.display(description=gettext_lazy("at the payment service"))
    def there_text(self, difference):
        return _amount(difference.amount_there, difference.currency_there)

    @admin.display(description=gettext_lazy("noted here"))
    def here_text(self, difference):
        return _amount(difference.amount_here, difference.currency_here)

    @admin.display(description=gettext_lazy("method"))
    def method_text(self, difference):
        return name_of(difference.method)

    @admin.display(description=gettext_lazy("order"))
    def order_link(self, difference):
        """Return a link to the order of the payment."""
        payment = difference.payment
        return link(payment.order, payment.order.reference) if payment else NONE

    @admin.display(description=gettext_lazy("dealt with by"))
    def handled_by_text(self, difference):
        return difference.handled_by.email if difference.handled_by else NONE


def _amount(amount, currency: str) -> str:
    return money(amount, currency) if amount is not None else NONE
