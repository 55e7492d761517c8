"""Mails to somebody else that tell about a person: a parent is told of a child's tickets."""

from django.db.models import Case, F, Func, JSONField, QuerySet, TextField, Value, When

from .models import Mail

COLUMN = "about"
_KEY = Value("contact", output_field=TextField())


def rows(contact_id: int) -> QuerySet[Mail]:
    """The mails that name the contact by its number, whoever they went to."""
    # The second condition is that of the index.
    return Mail.objects.filter(about__contact=contact_id, about__has_key="contact")


def forget(contact_id: int) -> int:
    """Drop the number, by which mails about several orders would be one person's; what is queued is not sent.

    Returns how many mails named it.
    """
    without = Func(F(COLUMN), _KEY, template="%(expressions)s", arg_joiner=" - ", output_field=JSONField())
    ends = Case(When(state=Mail.State.QUEUED, then=Value(Mail.State.CANCELLED)), default=F("state"))
    return rows(contact_id).update(about=without, once=None, state=ends)
