"""What carts of others say of a person who was chosen for a ticket: the names that were typed, and drafts of answers."""

from django.contrib.postgres.aggregates import JSONBAgg
from django.db.models import (
    BooleanField,
    CharField,
    Exists,
    F,
    Func,
    JSONField,
    QuerySet,
    Subquery,
    TextField,
    Value,
)
from django.db.models.functions import Cast

from contacts.models import ContactLink

from ..models import Cart

COLUMN = "details"
# Whoever was chosen for a ticket is named by the number of the link, beside the names as they were typed.
_PERSON = Func(
    Value("$.holders.*.person ? (@ == $numbers[*])"),
    template="%(expressions)s::jsonpath",
    output_field=TextField(),
)


def rows(contact_id: int) -> QuerySet[Cart]:
    """The carts in which somebody chose this contact for a ticket."""
    links = ContactLink.objects.filter(child=contact_id)
    numbers = links.values("child").annotate(all=JSONBAgg(Cast("pk", CharField()))).values("all")
    named = Func(Value("numbers"), Subquery(numbers), function="jsonb_build_object", output_field=JSONField())
    chosen = Func(F(COLUMN), _PERSON, named, function="jsonb_path_exists", output_field=BooleanField())
    # Of somebody nobody has in a list no cart is looked at.
    return Cart.objects.filter(Exists(links), chosen)


def forget(contact_id: int) -> int:
    """Take the person out of these carts: whoever orders is asked anew for whom the ticket is. Returns how many."""
    numbers = {str(pk) for pk in ContactLink.objects.filter(child=contact_id).values_list("pk", flat=True)}
    carts = list(rows(contact_id).select_for_update(of=("self",)).order_by("pk"))
    for cart in carts:
        gone = {slot for slot, typed in cart.typed.holders.items() if typed.get("person") in numbers}
        details = cart.typed.without(gone).as_json()
        Cart.objects.filter(pk=cart.pk).update(details=details, details_complete=False)
    return len(carts)
