"""Customers: a row for everybody who ordered."""

from collections.abc import Iterator

from django.db.models import Count, Max, OuterRef, Subquery
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from ticketshop.exports.kinds import Column, Page, Table

from . import rows
from .filters import ScopedKind
from .scope import CUSTOMERS, Scope


class Customers(ScopedKind):
    code = "customers"
    title = gettext_lazy("Customers: a row for everybody who ordered")
    sources = (CUSTOMERS,)
    permissions = ("sales.view_customer", "contacts.view_contact")

    def rows_of(self, scope: Scope) -> Table:
        named = [
            ("number", _("customer number")),
            ("first_name", _("first name")),
            ("last_name", _("last name")),
            ("email", _("e-mail address")),
            ("company", _("company")),
            ("phone", _("phone")),
            ("street", _("street and number")),
            ("postcode", _("postcode")),
            ("city", _("town")),
            ("country", _("country")),
            ("birth_date", _("date of birth")),
            ("language", _("language")),
            ("created_at", _("known since")),
            ("orders", _("orders")),
            ("last_order_at", _("last order")),
        ]
        return Table([Column(*one) for one in named], scope.customers().count(), _pages(scope))


def _pages(scope: Scope) -> Iterator[Page]:
    theirs = scope.orders().filter(buyer=OuterRef("pk")).order_by().values("buyer")
    own = (
        "number", "first_name", "last_name", "email", "company", "phone", "street", "postcode", "city", "country", "birth_date",
        "language", "created_at", Subquery(theirs.annotate(number=Count("pk")).values("number")),
        Subquery(theirs.annotate(last=Max("placed_at")).values("last")), "subject_uuid",
    )  # fmt: skip
    countries, languages = rows.country_words(), rows.language_words()
    for page in rows.pages(scope.customers(), *own):
        lines = [
            [
                *row[1:10],
                countries.get(row[10], row[10]),
                row[11],
                languages.get(row[12], row[12]),
                *row[13:16],
            ]
            for row in page
        ]
        yield Page(lines, {row[16] for row in page})
