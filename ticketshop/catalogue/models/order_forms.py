"""Which order form is asked."""

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from registration_forms.models import RegistrationForm
from ticketshop.organisers.models import PointOfSale

from .events import Event


class OrderForm(models.Model):
    """The order form of a point of sale, or of orders that hold an event. The event's comes first."""

    form = models.ForeignKey(
        RegistrationForm,
        on_delete=models.PROTECT,
        related_name="order_forms",
        verbose_name=_("order form"),
        limit_choices_to={"kind": "order", "archived_at": None},
    )
    point_of_sale = models.OneToOneField(
        PointOfSale,
        null=True,
        blank=True,
        on_delete=models.CASCADE,
        related_name="order_form",
        verbose_name=_("point of sale"),
    )
    event = models.OneToOneField(
        Event,
        null=True,
        blank=True,
        on_delete=models.CASCADE,
        related_name="order_form",
        verbose_name=_("event"),
    )

    organiser_path = "form__organiser"

    class Meta:
        verbose_name = _("assignment of an order form")
        verbose_name_plural = _("assignments of order forms")
        constraints = [
            models.CheckConstraint(
                condition=Q(point_of_sale__isnull=True) ^ Q(event__isnull=True), name="orderform_one_place"
            )
        ]

    class Personal:
        columns = {}

    def __str__(self):
        return f"{self.form}"
