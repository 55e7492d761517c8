"""The page of a point of sale. It is in this package because it needs payment methods and forms."""

from django import forms
from django.conf import settings
from django.contrib import admin
from django.urls import reverse
from django.utils.functional import Promise
from django.utils.html import format_html
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from ticketshop.catalogue.admin.form_choice import TellsOfForms
from ticketshop.catalogue.admin.order_forms import OrderFormInline
from ticketshop.lib.database import advisory
from ticketshop.lib.forms.formsets import BoundedFormSet
from ticketshop.office.forms import LANGUAGES_HELP, LanguagesField
from ticketshop.office.scoped_admin import ScopedForm
from ticketshop.office.scoped_inlines import RowForm, ScopedInline
from ticketshop.office.translated_admin import TranslatedAdmin
from ticketshop.organisers.models import PointOfSale

from ..models import Order, PaymentMethod
from ..payments import method_states
from ..payments.methods import METHODS, codes
from ..payments.methods.base import Method
from . import payment_connection
from .opening import checks as opening_checks


class PaymentMethodForm(RowForm):
    """A payment method: whether it is offered, with a field for each of its settings.

    ``organiser_id``: that of the point of sale; None while the page to add one does not have it yet.
    """

    class Meta:
        model = PaymentMethod
        fields = ["code", "enabled"]
        widgets = {"code": forms.HiddenInput}

    def __init__(self, *args, organiser_id: int | None = None, **kwargs):
        super().__init__(*args, **kwargs)
        self.organiser_id = organiser_id
        self.method = METHODS.get(self.instance.code or self.initial.get("code", ""))
        kept = self.instance.settings or {}
        for name, (label, _needed) in (self.method.setting_fields if self.method else {}).items():
            field = forms.CharField(label=label, required=False, max_length=200)
            field.initial = self.method.shown(name, kept.get(name, ""))
            self.fields[f"setting_{name}"] = field

    @property
    def title(self) -> str:
        """Return the label of the method."""
        if self.method is None:
            return self.instance.code
        if self.method.staff_only:
            return _("%(method)s (only at the counter, by staff)") % {"method": self.method.label}
        return str(self.method.label)

    @property
    def note(self) -> str:
        """Return what buyers do not get with the stored settings; empty for nothing, and for a method that is not offered."""
        row = self.instance
        if self.method is None or not row.enabled or not row.pk:
            return ""
        return self.method.note(row.settings, row.point_of_sale.organiser)

    @property
    def _configured(self) -> Method | None:
        """Return the method with its stored settings if these are complete, else None."""
        kept = self.instance.settings or {}
        if self.method is None or not self.instance.pk or not self.method.is_set_up(kept):
            return None
        return self.method(kept)

    @property
    def faults(self) -> list[str | Promise]:
        """Return why visitors are not offered a method whose settings are complete."""
        return self._configured.faults() if self._configured else []

    @property
    def test_mode(self) -> bool:
        """Return whether the method moves no money."""
        return bool(self._configured and self._configured.test_mode)

    @property
    def hook_url(self) -> str:
        """Return the URL to which the provider sends webhooks; empty for a method without provider."""
        if self._configured is None or not self._configured.redirects:
            return ""
        slug = self.instance.point_of_sale.slug
        return settings.BASE_URL + reverse("payment_hook", args=[self._configured.code, slug])

    @property
    def history_name(self) -> str:
        """Return the name of the row in history records."""
        return self.instance.code

    def clean_code(self):
        code = self.cleaned_data["code"]
        if self.method is None or code != self.method.code:
            raise forms.ValidationError(_("Reload the page: it does not know this way to pay."))
        return code

    def clean(self):
        values = super().clean()
        if self.method is None:
            return values
        typed = self.method.normalised(
            {name: values.get(f"setting_{name}", "") for name in self.method.setting_fields}
        )
        if values.get("enabled"):
            for name, (_label, needed) in self.method.setting_fields.items():
                if needed and not typed[name]:
                    self.add_error(f"setting_{name}", _("Needed to offer this way to pay."))
        for name, sentence in self.method.problems(typed).items():
            self.add_error(f"setting_{name}", sentence)
        kept = self.instance.settings or {}
        for name in self.method.own_settings:
            # A stored value is not checked again: after a change of the environment it may mean the same as a value of
            # another organiser, and then neither could save anything on this page.
            if typed[name] and typed[name] != kept.get(name) and self._is_anothers(name, typed[name]):
                # Does not tell that another organiser uses the account.
                self.add_error(f"setting_{name}", _("This name can’t be used here. Ask who runs the shop."))
        self.instance.settings = {**kept, **typed}
        return values

    def _is_anothers(self, name: str, value: str) -> bool:
        """Return whether another organiser has this value in the setting ``name``, or one that means the same.

        False while the organiser of a new point of sale is not chosen: the page is refused for that reason.
        """
        if self.organiser_id is None:
            return False
        # Two organisers who save the same value at once are checked one after the other: the page is one transaction. One key
        # for all settings, so that pages with several of them can't wait for each other.
        advisory.lock("payment_method.own_settings")
        same = {f"settings__{name}__in": self.method.same_values(name, value)}
        rows = PaymentMethod.objects.filter(code=self.method.code, **same)
        return rows.exclude(point_of_sale__organiser=self.organiser_id).exists()


class PaymentMethodFormSet(BoundedFormSet):
    """A row for every payment method: first those that are set up, then the others."""

    def __init__(self, *args, **kwargs):
        instance = kwargs.get("instance")
        known = set()
        if instance is not None and instance.pk:
            known = set(PaymentMethod.objects.filter(point_of_sale=instance).values_list("code", flat=True))
        kwargs["initial"] = [{"code": code, "enabled": False} for code in codes() if code not in known]
        super().__init__(*args, **kwargs)
        self.extra = len(kwargs["initial"])

    def get_form_kwargs(self, index):
        return {**super().get_form_kwargs(index), "organiser_id": self.instance.organiser_id}

    def clean(self):
        """Refuse if a shop that is on, or is being switched on, has a price that no method takes."""
        super().clean()
        if any(self.errors) or not self.instance.active or self.instance.organiser_id is None:
            return
        methods = [
            (form.cleaned_data["code"], form.instance.settings)
            for form in self.forms
            if form.cleaned_data.get("enabled")
        ]
        if refusal := opening_checks.refused_methods(self.instance, methods):
            raise forms.ValidationError(refusal)


class PaymentMethodInline(ScopedInline, admin.StackedInline):
    model = PaymentMethod
    form = PaymentMethodForm
    formset = PaymentMethodFormSet
    template = "admin/payment_methods.html"
    can_delete = False
    ordering = ["pk"]
    verbose_name_plural = gettext_lazy("payment methods")

    def get_max_num(self, request, obj=None, **kwargs):
        return len(codes())


class ColourInput(forms.TextInput):
    """The browser's own field for a colour: never empty, of fixed length."""

    input_type = "color"

    def use_required_attribute(self, initial):
        """Return False: the field is never empty."""
        return False

    def build_attrs(self, base_attrs, extra_attrs=None):
        """Return the attributes without a maximum length, which the browser's colour field does not allow."""
        attrs = super().build_attrs(base_attrs, extra_attrs)
        attrs.pop("maxlength", None)
        return attrs


# What each mode reveals to a person who tries out e-mail addresses.
REVEALS = {
    PointOfSale.FriendsFamilyMode.COMPATIBLE: gettext_lazy(
        "compatible: a person who knows an e-mail address and the name can tell that its owner is known here."
    ),
    PointOfSale.FriendsFamilyMode.DISCREET: gettext_lazy(
        "discreet: nobody can tell whether a person is known here; everybody is asked first, and connected only"
        " once they agree."
    ),
}


class PointOfSaleForm(ScopedForm):
    """The settings of a point of sale."""

    languages = LanguagesField(
        label=gettext_lazy("Languages"), choices=settings.LANGUAGES, help_text=LANGUAGES_HELP
    )

    # Whether the payment methods are on the same page: then their own rows show what is missing.
    sees_methods = True

    class Meta:
        widgets = {
            "accent_colour": ColourInput,
            "friends_family_mode": forms.RadioSelect,
        }

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        # A staff member who may only view gets no field.
        if (mode := self.fields.get("friends_family_mode")) is not None:
            mode.choices = list(REVEALS.items())
            mode.help_text = _("What the page reveals to a person who tries out e-mail addresses.")

    def clean_slug(self):
        """Refuse to change the slug after the first order: every mail about an order and every calendar entry
        links to it.
        """
        slug, before = self.cleaned_data["slug"], self.initial.get("slug")
        if before and slug != before and Order.objects.filter(point_of_sale=self.instance).exists():
            raise forms.ValidationError(
                _(
                    "It can’t be changed any more: the links in e-mails about the orders of this shop lead to “%(slug)s”."
                    " Under another address, open another point of sale."
                ),
                code="sold",
                params={"slug": before},
            )
        return slug

    def _post_clean(self):
        """Check, with the values as they would be saved, whether the shop may be switched on or stay on."""
        super()._post_clean()
        if "active" in self.fields and self.instance.active and self.instance.organiser_id:
            for name, sentence in opening_checks.refusals(self.instance, self.sees_methods):
                terms = next((field for field in self.fields if field.startswith("terms_")), None)
                self.add_error(terms if name == "terms" else name, sentence)


@admin.register(PointOfSale)
class PointOfSaleAdmin(TellsOfForms, TranslatedAdmin):
    form = PointOfSaleForm
    records_values = True
    translated = ("name", "tagline", "terms", "privacy_notice", "imprint", "accessibility_statement")
    list_display = ["name", "slug", "organiser", "active", "friends_family_enabled"]
    list_filter = ["active"]
    list_select_related = ["organiser"]
    ordering = ["name", "pk"]
    search_fields = ["name", "slug"]
    inlines = [OrderFormInline, PaymentMethodInline]
    buttons = (payment_connection.TEST_CONNECTION,)
    fieldsets = [
        (None, {"fields": ["active", "slug", "languages"]}),
        (gettext_lazy("Look"), {"fields": ["accent_colour", "logo"]}),
        (gettext_lazy("E-mail"), {"fields": ["email_sender_name", "email_sender_address"]}),
        (
            gettext_lazy("Characteristics"),
            {
                "fields": [
                    "friends_family_enabled",
                    "friends_family_mode",
                    "friends_family_max",
                    "guest_checkout",
                    "hold_minutes",
                    "max_tickets_per_order",
                    "max_unpaid_orders",
                    "network_share",
                ]
            },
        ),
    ]

    def get_form(self, request, obj=None, change=False, **kwargs):
        form = super().get_form(request, obj, change=change, **kwargs)
        form.sees_methods = request.user.has_perm("sales.change_paymentmethod", obj)
        return form

    def notes(self, request, row):
        faults = [
            format_html('<a href="#payment_methods-group">{}</a>', state.sentence)
            if state.url
            else state.sentence
            for state in method_states.faults_of(row, request.user)
        ]
        return [*super().notes(request, row), *faults, *opening_checks.notes(request, row)]

    def links(self, request, row):
        return [(_("Open the shop"), f"/{row.slug}/")] if row.active else []
