"""Venues and categories."""

from django.contrib import admin

from ticketshop.office.scoped_admin import ScopedAdmin
from ticketshop.office.translated_admin import TranslatedAdmin

from ..models import Category, Venue
from .forms import SluggedForm


@admin.register(Venue)
class VenueAdmin(ScopedAdmin):
    deletable = True
    list_display = ["name", "city"]
    ordering = ["name", "pk"]
    search_fields = ["name"]
    fields = ["name", "street", "postcode", "city"]


@admin.register(Category)
class CategoryAdmin(TranslatedAdmin):
    deletable = True
    form = SluggedForm
    translated = ("name",)
    list_display = ["name", "slug"]
    ordering = ["slug", "pk"]
    search_fields = ["name"]
    fieldsets = [(None, {"fields": ["slug"]})]
