"""On the page of an order: receipt, accepted terms of sale, invoices, and the archive of these for the accounting."""

from datetime import datetime

from django import forms
from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_safe

from ticketshop.lib.forms.fields import LineField
from ticketshop.lib.web.downloads import download
from ticketshop.office.buttons import Button, Outcome, OwnPage, drawn

from ...models import Invoice, Order
from ...papers import archive, credit_notes, invoices, mailing, receipts, refusals
from ...papers.recipients import RecipientForm
from ..orders import OrderAdmin

SEE = ("sales.view_order",)
ISSUE = ("sales.add_invoice",)
PDF = "application/pdf"


def _pdf(content: bytes, name: str) -> HttpResponse:
    return download(content, PDF, f"{name}.pdf")


def _why_no_receipt(user, order: Order) -> str:
    return _("There is no receipt yet: the order is not paid.")


@require_safe
def _receipt(request: HttpRequest, page, order: Order) -> HttpResponse:
    return _pdf(receipts.pdf(order), f"receipt-{order.reference}")


def _why_no_terms(user, order: Order) -> str:
    return _("It is not known which terms of sale were accepted with this order.")


@require_safe
def _accepted_terms(request: HttpRequest, page, order: Order) -> HttpResponse:
    version = order.terms_version
    context = {
        **page.about_row(request, order, _("Accepted terms of sale")),
        "order": order,
        "version": version,
        "text": version.text_in(receipts.language_of(order)),
    }
    return TemplateResponse(request, "admin/sales/accepted_terms.html", context)


OrderAdmin.offer(
    OwnPage(
        "accepted-terms",
        gettext_lazy("Accepted terms of sale"),
        SEE,
        lambda order: order.terms_version_id is not None,
        lambda page, request, order: _accepted_terms(request, page, order),
        why_not_offered=_why_no_terms,
    )
)
OrderAdmin.offer(
    OwnPage(
        "receipt",
        gettext_lazy("Receipt (PDF)"),
        SEE,
        receipts.has_receipt,
        lambda page, request, order: _receipt(request, page, order),
        why_not_offered=_why_no_receipt,
    )
)


# --- invoices -------------------------------------------------------------------------------------------
def _issue_question(order: Order) -> list[str]:
    return [
        _(
            "The invoice gets the next number and can’t be changed any more. The buyer finds it on the order’s page."
        ),
        _(
            "Ask for no more than the recipient’s books need: it stays in the archive for years, even after an erasure."
        ),
    ]


def _issue(request, order: Order, now: datetime, recipient: dict) -> Outcome:
    try:
        issued = invoices.issue(order, recipient, by=request.user, now=now)
    except invoices.CannotIssue as error:
        return messages.ERROR, refusals.sentence(error)
    return messages.SUCCESS, _("Invoice %(number)s is issued.") % {"number": issued.full_number}


def _withdraw_question(order: Order) -> list[str]:
    return [
        _("A credit note takes back the rest of the invoice. The order and its tickets stay as they are."),
        _("Do this if the recipient is wrong; then issue another invoice."),
    ]


def _withdraw(request, order: Order, now: datetime) -> Outcome:
    try:
        note = credit_notes.withdraw(order, by=request.user, now=now)
    except invoices.CannotIssue as error:
        return messages.ERROR, refusals.sentence(error)
    return messages.SUCCESS, _("Credit note %(number)s is issued.") % {"number": note.full_number}


def _mail_question(order: Order) -> list[str]:
    return [
        _("All invoices and credit notes of the order go to the buyer’s e-mail address, as PDFs."),
        _("You do not see them here; who opens the archive needs another permission."),
    ]


def _mail(request, order: Order, now: datetime) -> Outcome:
    try:
        mailing.send(order, by=request.user, now=now)
    except mailing.CannotMail as error:
        return messages.ERROR, error.sentence
    return messages.SUCCESS, _("The invoice is on its way to the buyer.")


class ReasonForm(forms.Form):
    """Which paper of an order is opened, and why."""

    paper = forms.ModelChoiceField(
        Invoice.objects.none(), label=gettext_lazy("Paper"), empty_label=None, widget=forms.RadioSelect
    )
    reason = LineField(
        label=gettext_lazy("Why you open it"),
        max_length=240,
        widget=forms.TextInput(attrs={"class": "vTextField", "autocomplete": "off"}),
        help_text=gettext_lazy("For example “tax audit 2026”. It is noted with your name and the time."),
    )

    def __init__(self, data, order: Order):
        super().__init__(data)
        papers = order.invoices.filter(archived__isnull=False)
        self.fields["paper"].queryset = papers.order_by("year", "number")
        self.fields["paper"].initial = papers.order_by("-year", "-number").first()


def _why_no_archive(user, order: Order) -> str:
    if order.invoices.filter(archived__isnull=False).exists():
        return ""
    return _("No invoice of this order is in the archive any more: their time is over.")


def _archive(page, request: HttpRequest, order: Order) -> HttpResponse:
    """Show the form that asks for the reason on GET; return the paper on POST, because that is noted."""
    form = ReasonForm(request.POST if request.method == "POST" else None, order)
    if request.method == "POST" and form.is_valid():
        paper = form.cleaned_data["paper"]
        try:
            content = archive.open_with_reason(
                paper, reason=form.cleaned_data["reason"], by=request.user, now=timezone.now()
            )
            return _pdf(content, f"{paper.kind}-{paper.full_number}")
        except archive.Gone:
            messages.error(request, _("This paper is not in the archive any more: its time is over."))
            return page.back_to(order)
        except archive.Damaged:
            messages.error(
                request,
                _(
                    "This PDF is damaged: it is not what was issued. Ask the administrator of the server to restore it from a backup."
                ),
            )
            return page.back_to(order)
    context = {
        **page.about_row(request, order, _("Archived invoices")),
        "form": drawn(form),
        "openings": archive.openings_of(order),
    }
    return TemplateResponse(request, "admin/sales/archive.html", context)


for button in (
    Button(
        "invoice",
        gettext_lazy("Issue an invoice"),
        ISSUE,
        invoices.can_be_issued,
        _issue_question,
        _issue,
        form=lambda data, order: RecipientForm(data, home=order.point_of_sale.organiser.country),
    ),
    Button(
        "withdraw-invoice",
        gettext_lazy("Take back the invoice"),
        ISSUE,
        lambda order: invoices.standing(order) is not None,
        _withdraw_question,
        _withdraw,
        serious=True,
    ),
    Button(
        "mail-invoice",
        gettext_lazy("Send the invoice"),
        ISSUE,
        mailing.may_be_mailed,
        _mail_question,
        _mail,
    ),
    OwnPage(
        "archive",
        gettext_lazy("Archived invoices"),
        (archive.OPEN,),
        lambda order: order.invoices.exists(),
        _archive,
        why_not=_why_no_archive,
    ),
):
    OrderAdmin.offer(button)
