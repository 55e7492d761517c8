"""The page with everything that a new shop must enter: about the organiser, the shop, and simple ways to pay."""

from django import forms
from django.contrib import messages
from django.db import transaction
from django.http import HttpRequest
from django.template.response import TemplateResponse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from ticketshop.history import history
from ticketshop.lib.forms.fields import LineField, LinesField
from ticketshop.lib.values.email_addresses import EmailField
from ticketshop.office.buttons import OwnPage, always, drawn
from ticketshop.organisers.models import Organiser, PointOfSale

from ...models import PaymentMethod
from ...payments.methods import METHODS, TRANSFER
from ..points_of_sale import PointOfSaleAdmin

ADDRESS = ("legal_name", "street", "house_number", "postcode", "city", "vat_number", "privacy_contact")
ON_SITE = "on_site"


class BasicsForm(forms.Form):
    """Form for what visitors must know, and how they pay. A way to pay is switched on here, never off."""

    legal_name = LineField(label=gettext_lazy("Legal name"), max_length=160)
    street = LineField(label=gettext_lazy("Street"), max_length=160)
    house_number = LineField(label=gettext_lazy("House number"), max_length=16, required=False)
    postcode = LineField(label=gettext_lazy("Postcode"), max_length=12)
    city = LineField(label=gettext_lazy("Town"), max_length=80)
    vat_number = LineField(
        label=gettext_lazy("VAT number"),
        max_length=40,
        required=False,
        help_text=gettext_lazy("Empty if you do not pay VAT."),
    )
    privacy_contact = EmailField(
        label=gettext_lazy("Privacy contact"),
        help_text=gettext_lazy("The e-mail address to which people write about their data."),
    )
    email_sender_address = EmailField(label=gettext_lazy("Replies to e-mails go to"))
    terms = LinesField(
        label=gettext_lazy("Terms of sale"), max_length=50_000, help_text=gettext_lazy("Markdown.")
    )
    on_site = forms.BooleanField(label=gettext_lazy("Visitors pay at the box office"), required=False)
    iban = forms.CharField(
        label=gettext_lazy("IBAN for bank transfers"),
        max_length=60,
        required=False,
        help_text=gettext_lazy(
            "Empty: no bank transfers. Cards and TWINT are on the settings page of the shop."
        ),
    )

    def __init__(self, data, pos: PointOfSale):
        self.pos, self.organiser = pos, pos.organiser
        self.terms_column = f"terms_{pos.organiser.languages[0]}"
        self.methods = {row.code: row for row in PaymentMethod.objects.filter(point_of_sale=pos)}
        transfer = self.methods.get(TRANSFER)
        known = (transfer.settings or {}).get("iban", "") if transfer else ""
        super().__init__(
            data,
            initial={
                **{name: getattr(pos.organiser, name) for name in ADDRESS},
                "email_sender_address": pos.email_sender_address,
                "terms": getattr(pos, self.terms_column),
                "on_site": ON_SITE in self.methods and self.methods[ON_SITE].enabled,
                "iban": METHODS[TRANSFER].shown("iban", known),
            },
        )
        if self.initial["on_site"]:
            del self.fields["on_site"]
        self.fields["terms"].widget.attrs |= {"rows": 8, "lang": pos.organiser.languages[0]}

    def clean_iban(self) -> str:
        typed = METHODS[TRANSFER].normalised({"iban": self.cleaned_data["iban"], "account_holder": ""})[
            "iban"
        ]
        if problem := METHODS[TRANSFER].problems({"iban": typed, "account_holder": ""}).get("iban"):
            raise forms.ValidationError(problem)
        return typed

    @transaction.atomic
    def save(self, *, by, now) -> None:
        """Write what was changed, and switch on the ways to pay that were chosen."""
        values = self.cleaned_data
        self._write(self.organiser, {name: values[name] for name in ADDRESS}, by=by, now=now)
        texts = {"email_sender_address": values["email_sender_address"], self.terms_column: values["terms"]}
        self._write(self.pos, texts, by=by, now=now)
        if values.get("on_site"):
            self._switch_on(ON_SITE, {})
        if values["iban"]:
            self._switch_on(TRANSFER, {"account_holder": values["legal_name"], "iban": values["iban"]})

    def _write(self, row: Organiser | PointOfSale, values: dict[str, str], *, by, now) -> None:
        changes = {
            name: [getattr(row, name), value] for name, value in values.items() if getattr(row, name) != value
        }
        if not changes:
            return
        for name, (_old, new) in changes.items():
            setattr(row, name, new)
        row.save(update_fields=list(changes))
        organiser_id = self.organiser.pk
        shown = {name: [old[:2000], new[:2000]] for name, (old, new) in changes.items()}
        history.record(row, "changed", by=by, now=now, organiser_id=organiser_id, changes=shown)

    def _switch_on(self, code: str, needed: dict[str, str]) -> None:
        row = self.methods.get(code) or PaymentMethod(point_of_sale=self.pos, code=code)
        kept = row.settings or {}
        # A holder that was entered stays; the IBAN is the one on this page.
        row.settings = {**needed, **kept, **({"iban": needed["iban"]} if "iban" in needed else {})}
        row.enabled = True
        row.save()


def view(page: PointOfSaleAdmin, request: HttpRequest, pos: PointOfSale):
    """Show the form, or save it and lead back to *Ready to open?*."""
    form = BasicsForm(request.POST if request.method == "POST" else None, pos)
    if request.method == "POST" and form.is_valid():
        form.save(by=request.user, now=timezone.now())
        messages.success(request, _("Saved."))
        return page.back_to_button(pos, "ready")
    context = {**page.about_row(request, pos, str(BASICS.label)), "form": drawn(form)}
    return TemplateResponse(request, "admin/sales/opening_basics.html", context)


BASICS = OwnPage(
    "basics",
    gettext_lazy("Basics on one page"),
    ("organisers.change_pointofsale", "organisers.change_organiser", "sales.change_paymentmethod"),
    always,
    view,
)
PointOfSaleAdmin.offer(BASICS)
