"""Other visitors' carts that name a person who was chosen for a ticket: typed names and drafts of answers."""

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
# A person chosen for a ticket is stored as the id of the link, beside the typed names.
_PERSON = Func(
    Value("$.holders.*.person ? (@ == $numbers[*])"),
    template="%(expressions)s::jsonpath",
    output_field=TextField(),
)


def rows(contact_id: int) -> QuerySet[Cart]:
    """Return the carts in which this contact was chosen for a ticket."""
    links = ContactLink.objects.filter(child=contact_id)
    numbers = links.values("child").annotate(all=JSONBAgg(Cast("pk", CharField()))).values("all")
    named = Func(
        Cast(Value("numbers"), TextField()),
        Subquery(numbers),
        function="jsonb_build_object",
        output_field=JSONField(),
    )
    chosen = Func(F(COLUMN), _PERSON, named, function="jsonb_path_exists", output_field=BooleanField())
    # No link leads to this person, so no cart can name them.
    return Cart.objects.filter(Exists(links), chosen)


def forget(contact_id: int) -> int:
    """Remove the person from these carts, so that their owners choose again. Return the number of carts."""
    numbers = {str(pk) for pk in ContactLink.objects.filter(child=contact_id).values_list("pk", flat=True)}
    carts = list(rows(contact_id).select_for_update(of=("self",)).order_by("pk"))
    for cart in carts:
        slots = {slot for slot, typed in cart.typed.holders.items() if typed.get("person") in numbers}
        details = cart.typed.without(slots).as_json()
        Cart.objects.filter(pk=cart.pk).update(details=details, details_complete=False)
    return len(carts)
