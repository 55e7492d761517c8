"""Correction of names on tickets and passes after the sale: by the buyer, by a parent who manages the person, or
by staff.
"""

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import Enum

from django.db import transaction
from django.utils.translation import gettext as _

from contacts import locking
from contacts.models import Contact
from registration_forms import definitions
from registration_forms.models import RegistrationForm, Response
from ticketshop.history import history
from ticketshop.lib.dates import days

from .. import notices, recipients
from ..admission_lists import heading
from ..models import LIVING_ORDERS, Admission, IssuedPass, Order, Ticket
from ..recipients import is_given
from . import deadlines
from .name_forms import NameForm

# Form field -> column of the ticket or pass.
COLUMNS = {"first_name": "holder_first_name", "last_name": "holder_last_name", "email": "holder_email"}
PER_PAGE = 20


class Editor(Enum):
    """The role of the person who makes the correction: buyers, parents and the holders of given tickets until the deadline,
    staff always. A buyer does not see the names on given tickets.
    """

    BUYER = "buyer"
    HOLDER = "holder"
    PARENT = "parent"
    STAFF = "staff"


class Closed(Exception):
    """A name can't be changed any more since the page was opened. Nothing has changed."""


class Conflict(Exception):
    """Another person changed the same name at the same instant. Nothing has changed."""


@dataclass
class EditableName:
    """The name on one ticket or pass. ``why``: the sentence that states why it can't be changed; ``until``: the
    deadline.
    """

    admission: Ticket | IssuedPass
    rules: Mapping[str, str]  # visibility in the form: "first_name" -> "mandatory"
    until: datetime
    why: str = ""
    form: NameForm | None = None

    @property
    def prefix(self) -> str:
        """Return the prefix of the names of its fields."""
        kind = "ticket" if isinstance(self.admission, Ticket) else "pass"
        return f"{kind}-{self.admission.pk}"

    @property
    def heading(self) -> str:
        """Return the heading of the ticket or pass on the page."""
        return heading(self.admission)

    @property
    def stored(self) -> dict[str, str]:
        """Return form field -> stored value."""
        return {name: getattr(self.admission, column) for name, column in COLUMNS.items()}

    @property
    def seen(self) -> str:
        """Return a hash of the stored values. The page posts it, so that a change by another person meanwhile is
        noticed.
        """
        return hashlib.sha256("\x00".join(self.stored.values()).encode()).hexdigest()[:16]

    @property
    def changes(self) -> dict[str, str]:
        """Return column -> new value, for typed values that differ from the stored ones."""
        if self.form is None or not self.form.is_bound:
            return {}
        typed = {COLUMNS[name]: value for name, value in self.form.cleaned_data.items() if name in COLUMNS}
        return {column: value for column, value in typed.items() if value != getattr(self.admission, column)}


class EditableNames:
    """The names on some tickets and passes, as the ``editor`` may change them. One query for the forms."""

    def __init__(self, admissions: Iterable[Ticket | IssuedPass], *, editor: Editor, now: datetime):
        self.editor, self.now = editor, now
        tickets_and_passes = [
            admission for admission in admissions if editor is not Editor.BUYER or not is_given(admission)
        ]
        forms = _forms(tickets_and_passes)
        self.editable_names = [
            self._editable_name(admission, forms.get(admission, [])) for admission in tickets_and_passes
        ]

    def _editable_name(self, admission: Ticket | IssuedPass, forms: list) -> EditableName:
        until = min(deadlines.of_admission(admission, form) for form in forms or [None])
        rules = {**_rules(forms), **_of_email(admission, forms, self.editor)}
        return EditableName(admission, rules, until, _why_closed(admission, until, self.editor, self.now))

    @property
    def open(self) -> list[EditableName]:
        """Return the names that can be changed."""
        return [editable_name for editable_name in self.editable_names if not editable_name.why]

    @property
    def until(self) -> datetime | None:
        """Return the earliest deadline; None for staff."""
        return (
            None
            if self.editor is Editor.STAFF
            else min((editable_name.until for editable_name in self.open), default=None)
        )

    def pages(self) -> list[list[EditableName]]:
        """Return the names in pages."""
        return [
            self.editable_names[start : start + PER_PAGE]
            for start in range(0, len(self.editable_names), PER_PAGE)
        ]

    def fill(self, editable_names: list[EditableName], post=None) -> None:
        """Give each name that can be changed its form, with the stored or the posted values."""
        for editable_name in editable_names:
            if editable_name.why:
                continue
            posted = post if post is not None and f"{editable_name.prefix}-seen" in post else None
            editable_name.form = NameForm(
                posted,
                prefix=editable_name.prefix,
                initial=editable_name.stored,
                names=dict(editable_name.rules),
                of_pass=isinstance(editable_name.admission, IssuedPass),
                single_names=editable_name.admission.order.point_of_sale.organiser.single_part_names,
            )
            editable_name.form.heading = editable_name.heading

    def is_valid(self, editable_names: list[EditableName], post) -> bool:
        """Return whether everything posted is valid and no other person changed the same name meanwhile."""
        bound = [
            editable_name
            for editable_name in editable_names
            if editable_name.form is not None and editable_name.form.is_bound
        ]
        for editable_name in bound:
            if (
                editable_name.form.is_valid()
                and editable_name.changes
                and post[f"{editable_name.prefix}-seen"] != editable_name.seen
            ):
                editable_name.form.add_error(None, _changed_meanwhile(editable_name))
        return not [editable_name for editable_name in bound if not editable_name.form.is_valid()]

    @transaction.atomic
    def save(self, editable_names: list[EditableName], *, by, tell: bool = True) -> list[Ticket | IssuedPass]:
        """Store the changed names and tell the people who have the tickets. Return the changed tickets and
        passes.

        Raise Closed or Conflict; then nothing has changed.
        """
        changed = [
            editable_name
            for editable_name in editable_names
            if editable_name.form is not None and editable_name.changes
        ]
        admissions = [editable_name.admission for editable_name in changed]
        # Locks in the sequence of a payment: orders, beneficiaries, tickets.
        orders = _lock_orders(admissions)
        buyers = {order.buyer_id for order in orders.values()}
        people = {admission.beneficiary_id for admission in admissions} - {None, *buyers}
        held = locking.lock_all(people)
        _lock_admissions(admissions)
        for editable_name in changed:
            editable_name.admission.order = orders[editable_name.admission.order_id]
            if _why_closed(editable_name.admission, editable_name.until, self.editor, self.now):
                raise Closed
        for editable_name in changed:
            values = editable_name.changes
            type(editable_name.admission).objects.filter(pk=editable_name.admission.pk).update(**values)
            history.record(
                editable_name.admission,
                "name_changed",
                by=by,
                now=self.now,
                organiser_id=editable_name.admission.order.organiser_id,
                columns=sorted(values),
            )
            for column, value in values.items():
                setattr(editable_name.admission, column, value)
        self._tell(admissions, held, by, tell)
        return admissions

    def _tell(self, changed: list[Ticket | IssuedPass], people: dict[int, Contact], by, tell: bool) -> None:
        by_order: dict[Order, list[Ticket | IssuedPass]] = {}
        for admission in changed:
            by_order.setdefault(admission.order, []).append(admission)
        for order, admissions in by_order.items():
            history.record(order, "names_changed", by=by, now=self.now)
            if tell:
                notices.names_changed(order, admissions, people, self.now)


def _changed_meanwhile(editable_name: EditableName) -> str:
    return _("Changed by somebody else meanwhile, to: %(name)s. Save again to keep what stands here.") % {
        "name": editable_name.admission.holder or _("no name")
    }


def why_closed_for_staff(admission: Ticket | IssuedPass) -> str:
    """Return why staff, who have no deadline, can't change the name on a ticket or pass, in a sentence; empty if they can."""
    order = admission.order
    if admission.holder_erased_at is not None:
        return _("This name can’t be changed: the person asked to be forgotten.")
    if recipients.has_left(order.buyer) and admission.beneficiary_id in (None, order.buyer_id):
        return _("This name can’t be changed: the buyer’s data are erased.")
    if order.state not in LIVING_ORDERS or admission.shown_state == Admission.State.CANCELLED:
        return _("This name can’t be changed: the ticket is cancelled.")
    return ""


def _why_closed(admission: Ticket | IssuedPass, until: datetime, editor: Editor, now: datetime) -> str:
    """Return why the name on a ticket or pass can't be changed, in a sentence; empty if it can."""
    why = why_closed_for_staff(admission)
    if why or editor is Editor.STAFF:
        return why
    if isinstance(admission, Ticket) and admission.date_cancelled:
        return _("This name can’t be changed: the date is cancelled.")
    if admission.state == Admission.State.USED:
        return _("This name can’t be changed any more: the ticket was used at the entrance.")
    if now >= until:
        return _("This name could be changed until %(until)s. Ask the organiser if it is wrong.") % {
            "until": days.until_text(until)
        }
    return ""


def _lock_orders(admissions: list[Ticket | IssuedPass]) -> dict[int, Order]:
    """Lock the orders of these tickets and passes. Return them by id, as they are now."""
    ids = {admission.order_id for admission in admissions}
    rows = Order.objects.select_for_update(of=("self",), no_key=True).filter(pk__in=ids).order_by("pk")
    return {order.pk: order for order in rows.select_related("buyer", "point_of_sale__organiser")}


def _lock_admissions(admissions: list[Ticket | IssuedPass]) -> None:
    """Lock tickets and passes, and read state and beneficiary again. Raise Conflict if a name has changed, Closed if the ticket
    was given to another person.
    """
    for model in (Ticket, IssuedPass):
        mine = {admission.pk: admission for admission in admissions if isinstance(admission, model)}
        locked = model.objects.select_for_update(of=("self",), no_key=True).filter(pk__in=mine).order_by("pk")
        for row in locked:
            if getattr(row, "gift_id", None) != getattr(mine[row.pk], "gift_id", None):
                raise Closed  # another person has it since
            if any(getattr(row, column) != getattr(mine[row.pk], column) for column in COLUMNS.values()):
                raise Conflict
            for name in ("state", "beneficiary_id", "holder_erased_at"):
                setattr(mine[row.pk], name, getattr(row, name))


def _forms(admissions: list[Ticket | IssuedPass]) -> dict[Ticket | IssuedPass, list[RegistrationForm]]:
    """Return ticket or pass -> forms: those that were answered for it, else the form that is used for its kind now."""
    answered = {pk for admission in admissions for pk in _responses(admission)}
    of_response = dict(Response.objects.filter(pk__in=answered).values_list("pk", "form")) if answered else {}
    wanted = {admission: [of_response[pk] for pk in _responses(admission)] for admission in admissions}
    for admission, ids in wanted.items():
        # A form that asks only for names stores no response.
        if not ids and (form_id := _form_of_kind(admission)):
            ids.append(form_id)
    ids = {pk for group in wanted.values() for pk in group}
    rows = RegistrationForm.objects.filter(pk__in=ids).select_related("published") if ids else []
    by_id = {form.pk: form for form in rows}
    return {admission: [by_id[pk] for pk in group] for admission, group in wanted.items()}


def _responses(admission: Ticket | IssuedPass) -> list[int]:
    ids = (admission.response_id, getattr(admission, "extra_response_id", None))
    return [pk for pk in ids if pk]


def _form_of_kind(admission: Ticket | IssuedPass) -> int | None:
    sold = admission.line.offer.tariff if isinstance(admission, Ticket) else admission.season_pass
    return sold.form_id


def _of_email(admission: Ticket | IssuedPass, forms: list, editor: Editor) -> dict[str, str]:
    """Return how the visibility of the e-mail address differs from that in the forms.

    A stored address can always be corrected, and staff can remove it if its owner asks for that.
    """
    visibility = _rules(forms).get("email", "hidden")
    removable = visibility == "mandatory" and editor is Editor.STAFF
    return {"email": "visible"} if removable or (visibility == "hidden" and admission.holder_email) else {}


def _rules(forms: list) -> dict[str, str]:
    """Return the visibility of the names in these forms, as at the checkout."""
    rules: dict[str, str] = {}
    for form in forms:
        if form.published_id is None:
            continue
        for question in definitions.of_version(form.published).questions:
            if question.system_ref in COLUMNS:
                rules.setdefault(question.system_ref, question.visibility)
    return rules
