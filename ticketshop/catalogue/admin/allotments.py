"""Allotments: numbers of places, with what is sold, held and left of them."""

from django import forms
from django.contrib import admin
from django.utils.translation import gettext_lazy as _

from ticketshop.office.scoped_admin import ScopedAdmin, ScopedForm

from .. import stock
from ..models import Allotment
from .forms import MOST_PLACES, check_capacity


class AllotmentForm(ScopedForm):
    def clean_capacity(self):
        capacity = self.cleaned_data["capacity"]
        if capacity > MOST_PLACES:
            raise forms.ValidationError(_("Enter at most a million."))
        if self.instance.pk:
            check_capacity(self.instance.pk, capacity)
        return capacity


class WithStock:
    """Columns that say how many places are sold, held and left; one query for the whole list."""

    def _stock(self, allotment: Allotment) -> stock.Stock:
        if not hasattr(allotment, "stock"):
            allotment.stock = stock.of_allotments([allotment.pk])[allotment.pk]
        return allotment.stock

    @admin.display(description=_("held in carts"))
    def held(self, allotment):
        """Return the number of places that are held for carts."""
        return self._stock(allotment).held

    @admin.display(description=_("left"))
    def left(self, allotment):
        """Return the number of places that can still be sold."""
        return self._stock(allotment).left


@admin.register(Allotment)
class AllotmentAdmin(WithStock, ScopedAdmin):
    form = AllotmentForm
    list_display = ["name", "capacity", "sold", "held", "left"]
    ordering = ["-pk"]
    search_fields = ["name"]
    fields = ["name", "capacity"]
    figures = ("sold", "held", "left")

    def get_fields(self, request, obj=None):
        return [*self.fields, *self.figures] if obj else self.fields

    def get_readonly_fields(self, request, obj=None):
        return [*super().get_readonly_fields(request, obj), *self.figures]

    def get_changelist_instance(self, request):
        page = super().get_changelist_instance(request)
        stocks = stock.of_allotments([row.pk for row in page.result_list])
        for row in page.result_list:
            row.stock = stocks[row.pk]
        return page
