"""The order form of an event or of a point of sale, on its page."""

from django.contrib import admin
from django.utils.translation import gettext_lazy

from ticketshop.office.scoped_inlines import ScopedInline

from ..models import OrderForm
from .form_choice import AsksForms


class OrderFormInline(AsksForms, ScopedInline, admin.TabularInline):
    model = OrderForm
    deletable = True
    extra = 1  # Without JavaScript, too, there is an empty row to fill.
    max_num = 1
    fields = ["form"]
    verbose_name_plural = gettext_lazy("what every order is asked")

    def get_queryset(self, request):
        return super().get_queryset(request).select_related("form")
