"""The search for orders by reference or buyer, in lists of the back office and at the counter."""

from django.db.models import Q, QuerySet

from contacts.models import Contact, WordQuery
from ticketshop.lib.values import references
from ticketshop.organisers import permissions

from ..models import Order

# With at least this many matching buyers, a search goes through the orders instead of the buyers.
MANY = 1000
# The most orders that the counter shows.
MOST = 20


def references_begin(path: str, text: str) -> Q:
    """Return a condition: the order's reference at ``path`` begins with the text, in any of its notations."""
    condition = Q(pk__in=[])
    for reading in references.readings(text.replace("\x00", "")[:200]):
        condition |= Q(**{f"{path}__startswith": reading})
    return condition


def by_reference_or_buyer(
    queryset: QuerySet[Order], text: str, organisers: set[int] | None
) -> QuerySet[Order]:
    """Return the orders whose reference begins with ``text``, or whose buyer matches it (see
    ``Contact.objects.search``).
    """
    text = text.replace("\x00", "").strip()[:200]
    if not text:
        return queryset
    of_reference = references_begin("reference", text)
    people = permissions.within(Contact.objects.known().search(text), organisers).values_list("pk", flat=True)
    buyers = list(people.order_by()[: MANY + 1])
    if len(buyers) <= MANY:
        return queryset.filter(of_reference | Q(buyer__in=buyers))
    # For a word that very many buyers share, the newest orders are searched instead: some are found soon.
    return queryset.filter(of_reference | Q(buyer__search=WordQuery(text), buyer__erasing_at=None))


def waiting(text: str, user, organiser_id: int) -> list[Order]:
    """Return the orders of an organiser that match the text, those that wait for payment first, then the newest. Empty for an empty text."""
    if not text.strip() or not user.has_perm("sales.view_order"):
        return []
    rows = permissions.for_staff(Order.objects.filter(organiser=organiser_id), user, "sales.view_order")
    found = by_reference_or_buyer(rows, text, {organiser_id}).select_related("buyer")
    pending = list(found.filter(state=Order.State.PENDING).order_by("-placed_at", "-pk")[:MOST])
    others = found.exclude(state=Order.State.PENDING).order_by("-placed_at", "-pk")
    return [*pending, *others[: MOST - len(pending)]]
