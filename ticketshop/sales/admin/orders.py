"""Orders: found by reference or buyer, marked as paid, cancelled, mails sent again. Amounts are read-only."""

from datetime import datetime

from django.conf import settings
from django.contrib import admin, messages
from django.db.models import Q
from django.urls import path
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from contacts.admin import unreachable
from ticketshop.history import history
from ticketshop.lib.dates import days
from ticketshop.lib.web.template_tags import money
from ticketshop.lib.web.waits import again_in
from ticketshop.limits import limits
from ticketshop.mail import kinds
from ticketshop.mail.models import Mail
from ticketshop.office.buttons import Button, Elsewhere, Outcome
from ticketshop.office.scoped_admin import ReadOnlyAdmin
from ticketshop.office.sections import NONE, link, shown
from ticketshop.organisers import role_names

from .. import notices
from ..counter.finding import by_reference_or_buyer
from ..mails import order_mails
from ..models import CancelledLine, Customer, Exchange, Order, Refund
from ..orders import overview
from ..payments import disputes as payment_disputes
from ..payments import methods
from ..payments.methods import METHODS, TEST_MODE, name_of
from . import tables
from .counter import details, new_order, order_page, takings
from .figures import page as figures
from .form_pages import answers, missing_answers, waiving
from .money import disputes, money_received, unpaid_orders
from .order_pages import cancelling, erased_buyer, exchanging, names, new_codes, withdrawals
from .papers import accounting

# State of an order -> the mail that tells it.
TELLS = {
    Order.State.PENDING: "order_placed",
    Order.State.PAID: "order_paid",
    Order.State.CANCELLED: "order_cancelled",
    Order.State.EXPIRED: "order_expired",
}


CHANGE_CONTACT = "contacts.change_contact"


# --- tell again -------------------------------------------------------------------------------------
def _why_not_told(user, order: Order) -> str:
    """Return why no e-mail about an order can be sent, and what to do; empty if it can."""
    if order.buyer is None:
        return erased_buyer.no_mail(order)
    if order.buyer.email:
        return ""
    if order.buyer.erasing_at is not None:
        return str(erased_buyer.NO_MAIL)
    sentence = _("The buyer has no e-mail address. Enter one on their contact first.")
    if user.has_perm(CHANGE_CONTACT, order):
        return sentence
    return f"{sentence} {role_names.ask_them(CHANGE_CONTACT)}"


def _resend_question(order: Order) -> list[str]:
    return [
        _("The e-mail “%(name)s” goes to %(address)s again.")
        % {"name": kinds.label(TELLS[order.state]), "address": order.buyer.email}
    ]


def _resend(request, order: Order, now: datetime) -> Outcome:
    if why_not := _why_not_told(request.user, order):
        return messages.ERROR, why_not
    if not limits.hit("mail_resend", f"order:{order.pk}", now):
        wait = limits.wait("mail_resend", f"order:{order.pk}", now)
        return messages.ERROR, f"{_('It was sent again several times already.')} {again_in(wait)}"
    notices.queue(order, TELLS[order.state], now, again=True)
    history.record(order, "mail_resent", by=request.user, now=now, kind=TELLS[order.state])
    return messages.SUCCESS, _("The e-mail goes out in a moment.")


def _test_mode(order: Order) -> list[str]:
    """Return a note for an order with which no money moved. No query for other methods."""
    if order.is_test:
        return [_("Test order of a shop that is not open yet: no money moved. Opening the shop deletes it.")]
    method = methods.redirecting(order.point_of_sale, order.payment_method)
    return [str(TEST_MODE)] if method is not None and method.test_mode else []


CHANGE = ("sales.change_order",)
# Name and e-mail address are those of the buyer's contact, the same on all their orders.
CORRECT_BUYER = Elsewhere(
    "admin:contacts_contact_change",
    gettext_lazy("Correct the buyer’s name or e-mail"),
    (CHANGE_CONTACT,),
    lambda order: order.buyer is not None and order.buyer.erasing_at is None,
    about="buyer_id",
)
RESEND = Button(
    "resend-mail",
    gettext_lazy("Send the e-mail again"),
    CHANGE,
    lambda order: not order.without_person,
    _resend_question,
    _resend,
    why_not=_why_not_told,
    why_not_offered=_why_not_told,
)


class MethodFilter(admin.SimpleListFilter):
    """Filter by payment method."""

    title = gettext_lazy("payment method")
    parameter_name = "payment_method"

    def lookups(self, request, model_admin):
        return [(code, method.label) for code, method in METHODS.items()]

    def queryset(self, request, queryset):
        return queryset.filter(payment_method=self.value()) if self.value() else queryset


class OrderedFilter(admin.SimpleListFilter):
    """A filter for the orders that the start page counts as today's."""

    title = gettext_lazy("ordered")
    parameter_name = "ordered"

    def lookups(self, request, model_admin):
        return [("today", _("today, paid or not yet"))]

    def queryset(self, request, queryset):
        return queryset.filter(overview.ordered_today(timezone.now())) if self.value() else queryset


class UnreachableBuyer(unreachable.UnreachableFilter):
    """Filter by whether e-mails reach the buyer."""

    title = gettext_lazy("e-mails to the buyer")
    path = "buyer__"


@admin.register(Order)
class OrderAdmin(ReadOnlyAdmin):
    list_display = ["reference", "placed_at", "buyer_name", "state", "total_text", "method_text"]
    list_filter = [
        OrderedFilter,
        "state",
        "organiser",
        "point_of_sale",
        "placed_at",
        MethodFilter,
        disputes.DisputeFilter,
        withdrawals.WithdrawalFilter,
        UnreachableBuyer,
    ]
    list_select_related = ["buyer", "point_of_sale"]
    change_list_template = "admin/exports/orders.html"
    search_fields = ["reference"]
    search_help_text = gettext_lazy(
        "The beginning of the reference, or any words of the buyer’s name, address or phone."
    )
    buttons = (
        order_page.AT_COUNTER,
        order_page.PRINT,
        order_page.PRINT_ROLL,
        money_received.MARK_PAID,
        money_received.ASK_PROVIDER,
        money_received.OTHER_MONEY,
        names.CHANGE_NAMES,
        new_codes.NEW_CODES,
        exchanging.EXCHANGE,
        answers.CHANGE_ANSWERS,
        missing_answers.ENTER_ANSWERS,
        waiving.SKIP,
        waiving.MAIL_LINK,
        CORRECT_BUYER,
        RESEND,
        cancelling.PAY_BACK,
        cancelling.CANCEL,
        withdrawals.SETTLE,
        unpaid_orders.END_ALL,
    )
    fieldsets = [
        (None, {"fields": ["state", "buyer_link", "total_text", "vat_text", "method_text"]}),
        (gettext_lazy("Course"), {"fields": ["placed_at", "paid_at", "cancelled_at", "unpaid_until"]}),
        (gettext_lazy("Where from"), {"fields": ["point_of_sale", "channel", "entered_by", "language_text"]}),
    ]
    readonly_fields = [
        "state",
        "buyer_link",
        "total_text",
        "vat_text",
        "method_text",
        "placed_at",
        "paid_at",
        "cancelled_at",
        "unpaid_until",
        "point_of_sale",
        "channel",
        "entered_by",
        "language_text",
    ]

    def get_urls(self):
        own = self.admin_site.admin_view
        return [
            path("accounting/", own(accounting.page), name="sales_export_accounting"),
            path("figures/", own(figures.page), name="sales_figures"),
            path("takings/", own(takings.page), name="sales_takings"),
            path("counter/", own(new_order.page), name="sales_counter"),
            path("counter/<uuid:key>/", own(details.page), name="sales_counter_details"),
            *super().get_urls(),
        ]

    def changelist_view(self, request, extra_context=None):
        may_export = request.user.has_perm("exports.add_job")
        may_sell = request.user.has_perm(new_order.ADD)
        links = {"may_export": may_export, "may_sell": may_sell}
        return super().changelist_view(request, {**links, **(extra_context or {})})

    def get_ordering(self, request):
        """Return the newest first, by an index: for one organiser its own, for several by id."""
        organisers = self.allowed(request, "view")
        return ["-placed_at", "-pk"] if organisers is not None and len(organisers) == 1 else ["-pk"]

    def get_search_results(self, request, queryset, search_term):
        return by_reference_or_buyer(queryset, search_term, self.allowed(request, "view")), False

    @admin.display(description=gettext_lazy("buyer"))
    def buyer_name(self, order):
        return order.buyer_name

    @admin.display(description=gettext_lazy("buyer"))
    def buyer_link(self, order):
        if order.buyer is None:
            return order.buyer_name
        if order.buyer.erasing_at is not None:
            # An erased buyer has no page; the data that this order still needs are shown here only.
            return ", ".join(part for part in (order.buyer.full_name, order.buyer.email) if part)
        return link(Customer(pk=order.buyer_id), f"{order.buyer.full_name} ({order.buyer})")

    @admin.display(description=gettext_lazy("total"))
    def total_text(self, order):
        return money(order.total, order.currency)

    @admin.display(description=gettext_lazy("of which VAT"))
    def vat_text(self, order):
        return money(order.vat_total, order.currency)

    @admin.display(description=gettext_lazy("payment method"))
    def method_text(self, order):
        return name_of(order.payment_method)

    @admin.display(description=gettext_lazy("unpaid until"))
    def unpaid_until(self, order):
        """Return the deadline of an order that waits for payment; empty for others."""
        waits = order.state == Order.State.PENDING and order.expires_at is not None
        return days.until_text(order.expires_at) if waits else self.get_empty_value_display()

    @admin.display(description=gettext_lazy("entered by"))
    def entered_by(self, order):
        if order.created_by:
            return order.created_by.email
        if order.channel == Order.Channel.BACK_OFFICE:
            return _("staff whose log-in is gone")
        # An erased buyer may have been a user.
        return order.buyer_name if order.buyer is None or order.buyer.erasing_at else _("a guest")

    @admin.display(description=gettext_lazy("language"))
    def language_text(self, order):
        return dict(settings.LANGUAGES).get(order.language, NONE)

    def notes(self, request, row):
        money_notes = [*disputes.notes(row), *withdrawals.notes(row), *_test_mode(row)]
        return [
            *money_notes,
            *erased_buyer.notes(row),
            *exchanging.notes(row),
            *(unreachable.notes(row.buyer, request.user) if row.buyer else []),
        ]

    def sections(self, request, row):
        told = row.buyer.subject_uuid if row.buyer else None
        about = Mail.objects.filter(subject_uuid=told, about__order=row.pk) if told else Mail.objects.none()
        return shown(
            request,
            row,
            [
                ("sales.view_orderline", lambda: tables.lines(row.lines.all(), row.currency)),
                (
                    "sales.view_orderline",
                    lambda: tables.cancelled(
                        CancelledLine.objects.filter(cancellation__order=row), row.currency
                    ),
                ),
                (
                    "sales.view_orderline",
                    lambda: tables.exchanges(
                        Exchange.objects.filter(Q(order=row) | Q(cancellation__order=row)), row
                    ),
                ),
                ("sales.view_ticket", lambda: tables.tickets(row.tickets.all())),
                ("sales.view_issuedpass", lambda: tables.passes(row.passes.all())),
                *answers.sections(request, row),
                ("sales.view_payment", lambda: tables.payments(row.payments.all())),
                ("sales.view_refund", lambda: tables.refunds(Refund.objects.filter(payment__order=row))),
                ("sales.view_dispute", lambda: tables.disputes(payment_disputes.of_order(row))),
                ("sales.view_order", lambda: withdrawals.section(row)),
                ("sales.view_invoice", lambda: tables.invoices(row.invoices.all())),
                ("mail.view_mail", lambda: tables.mails(about)),
            ],
        )

    def links(self, request, row):
        if not row.secret or not request.user.has_perm("sales.change_order", row):
            return []
        return [(_("The buyer’s page"), order_mails.order_path(row))]
