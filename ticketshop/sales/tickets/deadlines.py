"""Deadlines for buyers' corrections of a ticket or pass."""

from datetime import datetime

from registration_forms.models import RegistrationForm
from ticketshop.lib.dates import days

from ..models import IssuedPass, Ticket


def of_admission(admission: Ticket | IssuedPass, form: RegistrationForm | None) -> datetime:
    """Return the deadline of the form, if it has one; else the start of the session, or the end of the pass's last day."""
    if form is not None and form.editable_until:
        return form.editable_until
    if isinstance(admission, Ticket):
        return admission.session.starts_at
    return end_of_pass(admission)


def end_of_pass(issued: IssuedPass) -> datetime:
    """Return the end of a pass's last day, in its organiser's time zone."""
    return days.end_of(issued.valid_until, issued.order.point_of_sale.organiser.zone)
