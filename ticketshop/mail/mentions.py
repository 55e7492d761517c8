"""Mails to other people that contain data of a person, such as a parent's mail about a child's tickets."""

from django.db.models import Case, F, Func, JSONField, QuerySet, TextField, Value, When

from ticketshop.lib.database.json import ToJson

from .models import Mail

COLUMN = "about"
_KEY = Value("contact", output_field=TextField())


def rows(contact_id: int) -> QuerySet[Mail]:
    """Return the mails that contain the contact's id, to any recipient."""
    # The second condition is there to use the partial index.
    return Mail.objects.filter(about__contact=ToJson(contact_id), about__has_key="contact")


def forget(contact_id: int) -> int:
    """Remove the contact's id from mails about that contact, and cancel those that are still queued. Return their number.

    With the id, mails about several orders could be recognised as those of one person.
    """
    without = Func(F(COLUMN), _KEY, template="%(expressions)s", arg_joiner=" - ", output_field=JSONField())
    ends = Case(When(state=Mail.State.QUEUED, then=Value(Mail.State.CANCELLED)), default=F("state"))
    return rows(contact_id).update(about=without, once=None, state=ends)
