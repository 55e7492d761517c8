"""Pages about what was sold before a form was assigned to it: ask the buyers, or enter the answers in the back office."""

from django.contrib import messages
from django.db.models import Model
from django.http import HttpRequest
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils import timezone
from django.utils.formats import number_format
from django.utils.html import format_html
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from registration_forms import definitions
from registration_forms.admin import used_by
from registration_forms.admin.form_page import RegistrationFormAdmin
from registration_forms.models import RegistrationForm
from ticketshop.catalogue.admin.form_choice import TELLERS
from ticketshop.office.buttons import OwnPage
from ticketshop.office.sections import link

from ... import tasks
from ...answers import missing_answers
from ...models import IssuedPass, Order, Ticket
from .. import tables
from .answers import order_of

NAME = used_by.SOLD_BEFORE
NEEDED = ("registration_forms.change_registrationform", "sales.view_ticket", "sales.view_order")
# The largest number that is named on the page.
MOST = 100
Kind = RegistrationForm.Kind


def number_text(form: RegistrationForm, number: int) -> str:
    """Return “40 tickets were sold before this form was asked for them, and have no answers.”, or “More than 1,000 tickets …”."""
    if number > missing_answers.COUNTED:
        return _more_than(missing_answers.COUNTED, form)
    values = {"count": number}
    if form.kind == Kind.ORDER:
        return (
            ngettext(
                "%(count)d order was placed before this form was asked for it, and has no answers.",
                "%(count)d orders were placed before this form was asked for them, and have no answers.",
                number,
            )
            % values
        )
    if form.kind == Kind.PASS:
        return (
            ngettext(
                "%(count)d season pass was sold before this form was asked for it, and has no answers.",
                "%(count)d season passes were sold before this form was asked for them, and have no answers.",
                number,
            )
            % values
        )
    return (
        ngettext(
            "%(count)d ticket was sold before this form was asked for it, and has no answers.",
            "%(count)d tickets were sold before this form was asked for them, and have no answers.",
            number,
        )
        % values
    )


def _more_than(most: int, form: RegistrationForm) -> str:
    values = {"count": number_format(most, force_grouping=True)}
    if form.kind == Kind.ORDER:
        text = _(
            "More than %(count)s orders were placed before this form was asked for them, and have no answers."
        )
    elif form.kind == Kind.PASS:
        text = _(
            "More than %(count)s season passes were sold before this form was asked for them, and have no answers."
        )
    else:
        text = _(
            "More than %(count)s tickets were sold before this form was asked for them, and have no answers."
        )
    return text % values


def _is_lacking(form: RegistrationForm) -> bool:
    return missing_answers.is_lacking(form, timezone.now())


def view(page, request: HttpRequest, row: RegistrationForm):
    """Show how many lack answers, the first of them, and the button that asks their buyers."""
    now = timezone.now()
    number = missing_answers.number_of(row, now)
    if request.method == "POST":
        missing_answers.ask(row, by=request.user, now=now)
        tasks.ask_unanswered.defer(form_id=row.pk)
        messages.success(request, _("The buyers are asked by e-mail, as far as they have an address."))
        return page.back_to(row)
    version = missing_answers.published([row.pk]).get(row.pk)
    context = {
        **page.about_row(request, row, _("Ask earlier buyers")),
        "number_text": number_text(row, number),
        "owes": version is not None
        and any(question.mandatory for question in definitions.of_version(version).questions),
        "rows": [_drawn(holder) for holder in missing_answers.some_of(row, now, MOST)],
        "more": number > MOST,
    }
    return TemplateResponse(request, "admin/sales/sold_before.html", context)


def _drawn(holder: Ticket | IssuedPass | Order) -> dict:
    if isinstance(holder, Order):
        return {
            "order": link(holder, holder.reference),
            "what": "",
            "name": holder.buyer_name,
            "when": tables.when(holder.placed_at),
        }
    what = holder.line.shown_tariff if isinstance(holder, Ticket) else holder.shown_name
    return {
        "order": link(holder.order, holder.order.reference),
        "what": link(holder, what),
        "name": holder.holder_text or holder.order.buyer_name,
        "when": tables.when(holder.order.placed_at),
    }


RegistrationFormAdmin.offer(
    OwnPage(
        NAME,
        gettext_lazy("Ask earlier buyers"),
        NEEDED,
        _is_lacking,
        view,
        why_not_offered=lambda user, form: _("Nothing lacks answers to this form."),
    ),
    after="publish",
)


def _tell(request: HttpRequest, form: RegistrationForm) -> None:
    """Show a warning after an assignment of the form, if tickets, passes or orders sold before lack answers."""
    now = timezone.now()
    if others := missing_answers.number_with_another(form, now):
        messages.warning(request, _another_text(others))
    number = missing_answers.number_of(form, now)
    if not number:
        return
    text = number_text(form, number)
    if all(request.user.has_perm(name, form) for name in NEEDED):
        url = reverse("admin:registration_forms_registrationform_sold_before", args=[form.pk])
        text = format_html('{} <a href="{}">{}</a>', text, url, _("Ask for them"))
    messages.warning(request, text)


def _another_text(number: int) -> str:
    sentence = ngettext(
        "%(count)d ticket or pass was sold with another form: its answers stay, and it is not asked this one.",
        "%(count)d tickets or passes were sold with another form: their answers stay, and they are not asked this one.",
        number,
    )
    way_on = _(
        "To ask their buyers for more, add questions to that form, publish it, and ask earlier buyers there."
    )
    return f"{sentence % {'count': number}} {way_on}"


TELLERS.append(_tell)


# --- for one order, ticket or pass ---------------------------------------------------------------------------
def _lacks(row: Model) -> bool:
    all_lacking = missing_answers.lacking(order_of(row), timezone.now())
    return (
        bool(all_lacking) if isinstance(row, Order) else any(lacking.holder == row for lacking in all_lacking)
    )


def enter(page, request: HttpRequest, row: Model):
    """Ask for confirmation, then give the order empty answers and redirect to the page where staff enter them."""
    if request.method == "POST":
        missing_answers.add(order_of(row), by=request.user, now=timezone.now())
        return redirect(reverse(f"admin:{row._meta.app_label}_{row._meta.model_name}_answers", args=[row.pk]))
    context = {
        **page.about_row(request, row, ENTER_ANSWERS.label),
        "button": ENTER_ANSWERS,
        "sentences": [
            _("A form was given to what this order holds after it was sold: nothing was asked yet."),
            _(
                "You enter the answers on the next page. The buyer, who gets no e-mail about it, can answer from then on, too."
            ),
        ],
    }
    return TemplateResponse(request, "admin/confirm.html", context)


ENTER_ANSWERS = OwnPage(
    "enter-answers", gettext_lazy("Enter answers"), ("sales.change_order",), _lacks, enter
)
