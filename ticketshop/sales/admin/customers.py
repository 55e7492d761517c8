"""Customers: the contacts with orders, each with everything they bought."""

from django.contrib import admin
from django.db.models import Exists, OuterRef, Q
from django.urls import path, reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from contacts import profile_fields
from contacts.admin.people import PeopleAdmin
from ticketshop.lib.database.ids import fulfils_any
from ticketshop.mail.models import Mail
from ticketshop.office.scoped_admin import ReadOnlyAdmin
from ticketshop.office.sections import NONE, shown

from ..models import Customer, IssuedPass, Order, Ticket
from . import exports, tables

# Group of profile fields -> the method that shows it in words, where its name is another one.
SHOWN_BY = {"phone": "phone_text"}


@admin.register(Customer)
class CustomerAdmin(ReadOnlyAdmin, PeopleAdmin):
    # Each group of profile fields as one line; "name" and "address" are methods of this class.
    fields = [*(SHOWN_BY.get(group, group) for group in profile_fields.groups()), "log_in", "created_at"]
    readonly_fields = fields
    change_list_template = "admin/exports/customers.html"

    def get_urls(self):
        view = self.admin_site.admin_view(exports.for_customers)
        return [path("export/", view, name="sales_export_customers"), *super().get_urls()]

    def changelist_view(self, request, extra_context=None):
        may_export = request.user.has_perm("exports.add_job")
        return super().changelist_view(request, {"may_export": may_export, **(extra_context or {})})

    def get_queryset(self, request):
        has_orders = Exists(Order.objects.filter(buyer=OuterRef("pk")))
        return super().get_queryset(request).filter(has_orders).select_related("user")

    @admin.display(description=gettext_lazy("address"))
    def address(self, customer):
        """Return the postal address."""
        town = f"{customer.postcode} {customer.city}".strip()
        return ", ".join(part for part in (customer.street, town, customer.country) if part)

    @admin.display(description=gettext_lazy("logs in with"))
    def log_in(self, customer):
        """Return the e-mail address of the customer's log-in."""
        return customer.user.email if customer.user else NONE

    def sections(self, request, row):
        mine = Q(beneficiary=row.pk), Q(beneficiary=None, order__buyer=row.pk)
        organiser = row.organiser_id
        return shown(
            request,
            row,
            [
                ("sales.view_order", lambda: tables.orders(Order.objects.filter(buyer=row.pk))),
                (
                    "sales.view_ticket",
                    lambda: tables.tickets(Ticket.objects.filter(fulfils_any(Ticket.objects, *mine))),
                ),
                (
                    "sales.view_issuedpass",
                    lambda: tables.passes(IssuedPass.objects.filter(fulfils_any(IssuedPass.objects, *mine))),
                ),
                ("sales.view_ticket", lambda: tables.answers_of(row)),
                (
                    "mail.view_mail",
                    lambda: tables.mails(
                        Mail.objects.filter(subject_uuid=row.subject_uuid, organiser_id=organiser)
                    ),
                ),
            ],
        )

    def links(self, request, row):
        if not request.user.has_perm("contacts.view_contact", row):
            return []
        return [(_("Contact"), reverse("admin:contacts_contact_change", args=[row.pk]))]
