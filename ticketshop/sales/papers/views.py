"""The papers of an order, behind its unguessable link: receipt, invoice on request, and the accepted terms of sale."""

from django.contrib import messages
from django.contrib.auth.decorators import login_not_required
from django.http import Http404
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_safe

from ticketshop.lib.web.downloads import download

from ..access import order_or_404
from ..models import Order
from ..payments import payments
from . import archive, earlier_bills, invoices, mailing, receipts, refusals
from .recipients import RecipientForm


def _paid_order(request, reference: str, secret: str) -> Order:
    order = order_or_404(request, reference, secret)
    if not receipts.has_receipt(order):
        raise Http404("not paid")
    return order


@login_not_required
@require_safe
def receipt(request, pos, reference, secret):
    """Show the receipt as a page, in the visitor's language."""
    order = _paid_order(request, reference, secret)
    return render(request, "sales/receipt.html", {"order": order, "paper": receipts.of_order(order)})


@login_not_required
@require_safe
def receipt_pdf(request, pos, reference, secret):
    """Return the receipt as PDF, in the order's language."""
    order = _paid_order(request, reference, secret)
    return download(receipts.pdf(order), "application/pdf", f"receipt-{order.reference}.pdf")


@login_not_required
@require_safe
def accepted_terms(request, pos, reference, secret):
    """Show the terms of sale that the buyer accepted, as they were then, in the language in which they were read."""
    order = order_or_404(request, reference, secret)
    version = order.terms_version
    if version is None:
        raise Http404("no version of the terms")
    version.point_of_sale = order.point_of_sale
    text = version.text_in(receipts.language_of(order))
    return render(request, "sales/accepted_terms.html", {"order": order, "version": version, "text": text})


@login_not_required
@require_http_methods(["GET", "HEAD", "POST"])
def invoice(request, pos, reference, secret):
    """Show the invoices of an order, and the form that asks for one; issue it on POST."""
    order = order_or_404(request, reference, secret)
    papers = invoices.of_order(order)
    possible = invoices.can_be_issued(order)
    if not papers and not possible:
        if request.method != "POST":
            raise Http404("no invoice")
        # The order has changed while the form was filled in.
        messages.error(request, refusals.SENTENCES["state"])
        return redirect("shop:order", pos=pos, reference=reference, secret=secret)
    here = redirect("shop:invoice", pos=pos, reference=reference, secret=secret)
    form = RecipientForm(
        request.POST if request.method == "POST" else None,
        home=request.pos.organiser.country,
        initial=_known(request, order),
    )
    if request.method == "POST" and form.is_valid():
        try:
            issued = invoices.issue(order, form.cleaned_data, by=request.user, now=timezone.now())
        except invoices.CannotIssue as error:
            messages.error(request, refusals.sentence(error))
            return here
        messages.success(request, _("Invoice %(number)s is issued.") % {"number": issued.full_number})
        return here
    payment, given_up = (
        payments.due_and_given_up(order) if order.state == Order.State.PENDING else (None, set())
    )
    context = {
        "order": order,
        "papers": papers,
        "form": form if possible else None,
        "earlier_bill": earlier_bills.note(order, payment, given_up),
        "may_be_mailed": bool(papers) and mailing.may_be_mailed(order),
        "paid_otherwise": earlier_bills.is_paid_otherwise(order),
    }
    return render(request, "sales/invoice.html", {**context, "has_errors": bool(form.errors)})


def _known(request, order: Order) -> dict[str, str]:
    """Return what is known of a buyer who is logged in; nothing for others who have the link."""
    buyer = order.buyer
    if not request.user.is_authenticated or buyer is None or buyer.user_id != request.user.pk:
        return {}
    known = {
        "name": buyer.company or buyer.full_name,
        "extra": buyer.full_name if buyer.company else "",
        "street": buyer.street,
        "postcode": buyer.postcode,
        "city": buyer.city,
        "country": buyer.country,
    }
    return {name: value for name, value in known.items() if value}


@login_not_required
@require_http_methods(["GET", "HEAD", "POST"])
def send_invoice(request, pos, reference, secret):
    """Send the invoices of an order to its buyer. A link that is opened, not pressed, leads to the page of invoices."""
    order = order_or_404(request, reference, secret)
    if request.method == "POST":
        try:
            mailing.send(order, by=request.user, now=timezone.now())
            messages.success(request, _("The invoice is on its way to the e-mail address of the order."))
        except mailing.CannotMail as error:
            messages.error(request, error.sentence)
    return redirect("shop:invoice", pos=pos, reference=reference, secret=secret)


@login_not_required
@require_safe
def invoice_pdf(request, pos, reference, secret, year, number):
    """Return an invoice or credit note of the order from the archive, as it was issued."""
    order = order_or_404(request, reference, secret)
    paper = order.invoices.filter(year=year, number=number).first()
    if paper is None:
        raise Http404("no such invoice")
    try:
        content = archive.read(paper)
    except archive.Gone:
        raise Http404("not in the archive any more") from None
    except archive.Damaged:
        messages.error(request, refusals.DAMAGED)
        return redirect("shop:invoice", pos=pos, reference=reference, secret=secret)
    return download(content, "application/pdf", f"{paper.kind}-{paper.full_number}.pdf")
