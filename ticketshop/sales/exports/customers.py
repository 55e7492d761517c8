"""Export of customers: a row for every contact with orders."""

from collections.abc import Iterator

from django.db.models import Count, Max, OuterRef, Subquery
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from contacts import profile_fields
from contacts.models import Contact
from ticketshop.exports.kinds import Column, Page, Table

from . import rows
from .filters import ScopedKind
from .scope import CUSTOMERS, Scope


class Customers(ScopedKind):
    """The export of customers."""

    code = "customers"
    title = gettext_lazy("Customers: a row for everybody who ordered")
    sources = (CUSTOMERS,)
    permissions = ("sales.view_customer", "contacts.view_contact")

    def rows_of(self, scope: Scope) -> Table:
        labels = {
            "number": _("customer number"),
            **{name: Contact._meta.get_field(name).verbose_name for name in profile_fields.NAMES},
            "language": _("language"),
            "created_at": _("known since"),
            "orders": _("orders"),
            "last_order_at": _("last order"),
        }
        columns = [Column(key, str(label)) for key, label in labels.items()]
        return Table(columns, scope.customers().count(), _pages(scope, list(labels)))


def _pages(scope: Scope, keys: list[str]) -> Iterator[Page]:
    """Yield the customers page by page; the cells of a row in the order of ``keys``."""
    theirs = scope.orders().filter(buyer=OuterRef("pk")).order_by().values("buyer")
    computed = {
        "orders": Subquery(theirs.annotate(number=Count("pk")).values("number")),
        "last_order_at": Subquery(theirs.annotate(last=Max("placed_at")).values("last")),
    }
    words = dict.fromkeys(profile_fields.COUNTRIES, rows.country_words()) | {
        "language": rows.language_words()
    }
    for page in rows.pages(scope.customers(), *(computed.get(key, key) for key in keys), "subject_uuid"):
        lines, subjects = [], set()
        for _pk, *values, subject_uuid in page:
            cells = dict(zip(keys, values, strict=True))
            for key, names in words.items():
                cells[key] = names.get(cells[key], cells[key])
            lines.append(list(cells.values()))
            subjects.add(subject_uuid)
        yield Page(lines, subjects)
