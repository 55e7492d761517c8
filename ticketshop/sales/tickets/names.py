"""The names on tickets and passes, corrected after the sale by the buyer, by a parent who manages the person, or by staff."""

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
from ticketshop.lib import days

from .. import notices, recipients
from ..admission_lists import heading
from ..models import LIVING_ORDERS, Admission, IssuedPass, Order, Ticket
from . import deadlines
from .name_forms import NameForm

# A field of the form -> the column of the ticket or pass.
COLUMNS = {"first_name": "holder_first_name", "last_name": "holder_last_name", "email": "holder_email"}
PER_PAGE = 20


class Who(Enum):
    """Who corrects: buyers and parents until the deadline, staff always."""

    BUYER = "buyer"
    PARENT = "parent"
    STAFF = "staff"


class Closed(Exception):
    """A name can't be changed any more: something happened since the page was opened. Nothing has changed."""


class Conflict(Exception):
    """Somebody else changed the same name at the same instant. Nothing has changed."""


@dataclass
class Entry:
    """The name on one ticket or pass. ``why``: the sentence that says why it can't be changed; ``until``: the deadline."""

    admission: Ticket | IssuedPass
    rules: Mapping[str, str]  # what a form says of the names: "first_name" -> "mandatory"
    until: datetime
    why: str = ""
    form: NameForm | None = None

    @property
    def prefix(self) -> str:
        kind = "ticket" if isinstance(self.admission, Ticket) else "pass"
        return f"{kind}-{self.admission.pk}"

    @property
    def heading(self) -> str:
        return heading(self.admission)

    @property
    def stored(self) -> dict[str, str]:
        return {name: getattr(self.admission, column) for name, column in COLUMNS.items()}

    @property
    def seen(self) -> str:
        """Names the stored values without repeating them: the page posts it, so that another change meanwhile is noticed."""
        return hashlib.sha256("\x00".join(self.stored.values()).encode()).hexdigest()[:16]

    @property
    def changes(self) -> dict[str, str]:
        """Column -> new value, of what was typed and is different."""
        if self.form is None or not self.form.is_bound:
            return {}
        typed = {COLUMNS[name]: value for name, value in self.form.cleaned_data.items() if name in COLUMNS}
        return {column: value for column, value in typed.items() if value != getattr(self.admission, column)}


class Names:
    """The names on some tickets and passes, as ``who`` may change them. One query for the forms."""

    def __init__(self, admissions: Iterable[Ticket | IssuedPass], *, who: Who, now: datetime):
        self.who, self.now = who, now
        found = list(admissions)
        forms = _forms(found)
        self.entries = [self._entry(admission, forms.get(admission, [])) for admission in found]

    def _entry(self, admission: Ticket | IssuedPass, forms: list) -> Entry:
        until = min(deadlines.of_admission(admission, form) for form in forms or [None])
        rules = {**_rules(forms), **_of_email(admission, forms, self.who)}
        return Entry(admission, rules, until, _why_closed(admission, until, self.who, self.now))

    @property
    def open(self) -> list[Entry]:
        return [entry for entry in self.entries if not entry.why]

    @property
    def until(self) -> datetime | None:
        """The first deadline there is; staff have none."""
        return None if self.who is Who.STAFF else min((entry.until for entry in self.open), default=None)

    def pages(self) -> list[list[Entry]]:
        """The entries in pages."""
        return [self.entries[start : start + PER_PAGE] for start in range(0, len(self.entries), PER_PAGE)]

    def fill(self, entries: list[Entry], post=None) -> None:
        """Give the open ones among ``entries`` their forms, filled with what is stored or with what was posted."""
        for entry in entries:
            if entry.why:
                continue
            posted = post if post is not None and f"{entry.prefix}-seen" in post else None
            entry.form = NameForm(
                posted,
                prefix=entry.prefix,
                initial=entry.stored,
                names=dict(entry.rules),
                of_pass=isinstance(entry.admission, IssuedPass),
                single_names=entry.admission.order.point_of_sale.organiser.single_part_names,
            )
            entry.form.heading = entry.heading

    def is_valid(self, entries: list[Entry], post) -> bool:
        """Whether all that was posted is in order, and nobody else changed the same name meanwhile."""
        bound = [entry for entry in entries if entry.form is not None and entry.form.is_bound]
        for entry in bound:
            if entry.form.is_valid() and entry.changes and post[f"{entry.prefix}-seen"] != entry.seen:
                entry.form.add_error(None, _changed_meanwhile(entry))
        return not [entry for entry in bound if not entry.form.is_valid()]

    @transaction.atomic
    def save(self, entries: list[Entry], *, by, tell: bool = True) -> list[Ticket | IssuedPass]:
        """Store the changed names and tell whoever has the tickets; return what has changed.

        Raises Closed or Conflict; then nothing has changed.
        """
        changed = [entry for entry in entries if entry.form is not None and entry.changes]
        admissions = [entry.admission for entry in changed]
        # The orders, the people their tickets are for, the tickets: as a payment takes them.
        orders = _lock_orders(admissions)
        buyers = {order.buyer_id for order in orders.values()}
        people = {admission.beneficiary_id for admission in admissions} - {None, *buyers}
        held = locking.lock_all(people) if people else {}
        _lock_admissions(admissions)
        for entry in changed:
            entry.admission.order = orders[entry.admission.order_id]
            if _why_closed(entry.admission, entry.until, self.who, self.now):
                raise Closed
        for entry in changed:
            values = entry.changes
            type(entry.admission).objects.filter(pk=entry.admission.pk).update(**values)
            history.record(
                entry.admission,
                "name_changed",
                by=by,
                now=self.now,
                organiser_id=entry.admission.order.organiser_id,
                columns=sorted(values),
            )
            for column, value in values.items():
                setattr(entry.admission, column, value)
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


def _changed_meanwhile(entry: Entry) -> str:
    return _("Changed by somebody else meanwhile, to: %(name)s. Save again to keep what stands here.") % {
        "name": entry.admission.holder or _("no name")
    }


def _why_closed(admission: Ticket | IssuedPass, until: datetime, who: Who, now: datetime) -> str:
    """Why the name on a ticket or pass can't be changed, in a sentence; empty where it can."""
    order = admission.order
    if admission.holder_erased_at is not None:
        return _("This name can’t be changed: the person asked to be forgotten.")
    if recipients.has_left(order.buyer) and admission.beneficiary_id in (None, order.buyer_id):
        return _("This name can’t be changed: the buyer’s data are erased.")
    if order.state not in LIVING_ORDERS or admission.shown_state == Admission.State.CANCELLED:
        return _("This name can’t be changed: the ticket is cancelled.")
    if who is Who.STAFF:
        return ""
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
    """Lock the orders of these tickets and passes; return them by number, as they are now."""
    ids = {admission.order_id for admission in admissions}
    rows = Order.objects.select_for_update(of=("self",), no_key=True).filter(pk__in=ids).order_by("pk")
    return {order.pk: order for order in rows.select_related("buyer", "point_of_sale__organiser")}


def _lock_admissions(admissions: list[Ticket | IssuedPass]) -> None:
    """Lock tickets and passes; write to each its state, and whom it is for, as they are now. Raises Conflict where the name is another one."""
    for model in (Ticket, IssuedPass):
        mine = {one.pk: one for one in admissions if isinstance(one, model)}
        locked = model.objects.select_for_update(of=("self",), no_key=True).filter(pk__in=mine).order_by("pk")
        for row in locked:
            if any(getattr(row, column) != getattr(mine[row.pk], column) for column in COLUMNS.values()):
                raise Conflict
            for name in ("state", "beneficiary_id", "holder_erased_at"):
                setattr(mine[row.pk], name, getattr(row, name))


def _forms(admissions: list[Ticket | IssuedPass]) -> dict[Ticket | IssuedPass, list[RegistrationForm]]:
    """Ticket or pass -> the forms that were asked for it, or that are asked for its kind now where nothing was stored."""
    answered = {pk for admission in admissions for pk in _responses(admission)}
    of_response = dict(Response.objects.filter(pk__in=answered).values_list("pk", "form")) if answered else {}
    wanted = {admission: [of_response[pk] for pk in _responses(admission)] for admission in admissions}
    for admission, ids in wanted.items():
        # A form that asks for nothing but names leaves no answers behind.
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


def _of_email(admission: Ticket | IssuedPass, forms: list, who: Who) -> dict[str, str]:
    """What differs for the e-mail address from what the forms say: one that is stored can always be corrected, and staff
    can take it away when its owner asks for that."""
    asked = _rules(forms).get("email", "hidden")
    removable = asked == "mandatory" and who is Who.STAFF
    return {"email": "visible"} if removable or (asked == "hidden" and admission.holder_email) else {}


def _rules(forms: list) -> dict[str, str]:
    """What the forms say of the names, as at the checkout."""
    rules: dict[str, str] = {}
    for form in forms:
        if form.published_id is None:
            continue
        for question in definitions.of_version(form.published).questions:
            if question.system_ref in COLUMNS:
                rules.setdefault(question.system_ref, question.visibility)
    return rules
