"""The tickets, orders, passes and customers of an export: where it was requested, and its filters."""

from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from typing import Any

from django.db.models import Exists, OuterRef, Q, QuerySet
from django.utils.dateparse import parse_datetime

from registration_forms.models import Answer, RegistrationForm, Response
from ticketshop.catalogue.models import SeasonPass, Tariff
from ticketshop.exports.models import Job
from ticketshop.organisers.models import Organiser

from ..answers.search_filters import columns_of, fitting, from_json
from ..models import Customer, IssuedPass, Order, OrderResponse, Ticket

# Where an export can be requested, as stored in a job's parameters.
FORM, EVENT, SESSION, PASS, CUSTOMERS = "form", "event", "session", "pass", "customers"
OVER = (Order.State.CANCELLED, Order.State.EXPIRED)
YES_NO = {"yes": True, "no": False}
# Kind of form -> path from a pass to its response.
_TO_RESPONSE = {"order": "order__responses__response", "tariff": "extra_response", "pass": "response"}


@dataclass(frozen=True)
class Scope:
    """``source`` and ``number``: the row at which it was requested. The other fields are filters; empty ones
    leave all rows.
    """

    organiser: Organiser
    source: str
    number: int = 0
    form_kind: str = ""
    tariff: int | None = None
    order_state: str = ""
    question: str = ""  # a question key, and the choice that the answer must be
    choice: str = ""
    since: datetime | None = None
    cancelled: bool = False
    states: bool = False
    apart: bool = False  # one column for each choice of a question with several answers
    session: int | None = None  # one date of a form's tickets
    seen: dict | None = None  # the filters of the list of a form's answers, as JSON
    listed: tuple[int, ...] | None = None  # the responses of that list, where a text was searched for
    sensitive: bool = False

    @property
    def drawn(self) -> dict[str, bool]:
        """Return the arguments of ``columns.of_forms``."""
        return {"sensitive": self.sensitive, "states": self.states, "apart": self.apart}

    @classmethod
    def of(cls, job: Job) -> "Scope":
        """Return the scope of a job."""
        parameters = job.parameters
        kind = ""
        if parameters["source"] == FORM:
            kind = RegistrationForm.objects.values_list("kind", flat=True).get(
                pk=parameters["number"], organiser=job.organiser_id
            )
        return cls(
            organiser=job.organiser,
            source=parameters["source"],
            number=parameters.get("number", 0),
            form_kind=kind,
            tariff=parameters.get("tariff"),
            order_state=parameters.get("order_state", ""),
            question=parameters.get("question", ""),
            choice=parameters.get("choice", ""),
            since=parse_datetime(parameters["since"]) if parameters.get("since") else None,
            cancelled=parameters.get("cancelled", False),
            states=parameters.get("states", False),
            apart=parameters.get("apart", False),
            session=parameters.get("session"),
            seen=parameters.get("seen"),
            listed=tuple(parameters["listed"]) if "listed" in parameters else None,
            sensitive=job.sensitive,
        )

    @cached_property
    def listed_responses(self) -> QuerySet[Response] | None:
        """Return the responses in the filtered list of a form's answers; None if the export is about all of them."""
        if self.listed is not None:
            return Response.objects.filter(organiser=self.organiser, pk__in=self.listed)
        if self.seen is None:
            return None
        form = RegistrationForm.objects.get(pk=self.number, organiser=self.organiser)
        columns = columns_of(form, sensitive=True)
        return fitting(form, from_json(self.seen, columns), columns)

    def _as_listed(self, rows: QuerySet, path: str) -> QuerySet:
        return rows.filter(**{f"{path}__in": self.listed_responses.order_by().values("pk")})

    # --- the rows ------------------------------------------------------------------------------------
    def tickets(self) -> QuerySet[Ticket]:
        """Return the tickets of the scope."""
        rows = Ticket.objects.filter(order__organiser=self.organiser, **self._of_tickets())
        if self.listed_responses is not None:
            if self.form_kind == RegistrationForm.Kind.PASS:
                return rows.none()
            order = self.form_kind == RegistrationForm.Kind.ORDER
            rows = self._as_listed(rows, "order__responses__response" if order else "response")
            # An order form lists orders; cancelled tickets in them are left out.
            return rows.exclude(state=Ticket.State.CANCELLED).distinct() if order else rows
        if not self.cancelled:
            rows = rows.exclude(state=Ticket.State.CANCELLED)
        if self.source == PASS or self.form_kind == RegistrationForm.Kind.PASS:
            return rows.none()
        if self.tariff:
            rows = rows.filter(line__offer__tariff=self.tariff)
        if self.session:
            rows = rows.filter(session=self.session)
        return self._filtered(rows, "order__", ["response"])

    def _of_tickets(self) -> dict[str, Any]:
        if self.source == EVENT:
            return {"session__event": self.number}
        if self.source == SESSION:
            return {"session": self.number}
        if self.source == FORM:
            order = self.form_kind == RegistrationForm.Kind.ORDER
            return {"order__responses__response__form" if order else "response__form": self.number}
        return {}

    def passes(self) -> QuerySet[IssuedPass]:
        """Return the passes of the scope."""
        rows = IssuedPass.objects.filter(order__organiser=self.organiser, **self._of_passes())
        if self.listed_responses is not None:
            path = _TO_RESPONSE[self.form_kind]
            rows = self._as_listed(rows, path)
            if self.form_kind != RegistrationForm.Kind.ORDER:
                return rows
            return rows.exclude(state=IssuedPass.State.CANCELLED).distinct()
        if not self.cancelled:
            rows = rows.exclude(state=IssuedPass.State.CANCELLED)
        if self.source in (EVENT, SESSION) or self.tariff or self.session:
            return rows.none()
        return self._filtered(rows, "order__", ["response", "extra_response"])

    def _of_passes(self) -> dict[str, Any]:
        if self.source == PASS:
            return {"season_pass": self.number}
        if self.source == FORM:
            return {f"{_TO_RESPONSE[self.form_kind]}__form": self.number}
        return {}

    def orders(self) -> QuerySet[Order]:
        """Return the orders that contain something of the scope; for the customers, all of them."""
        rows = Order.objects.filter(organiser=self.organiser)
        if self.listed_responses is not None and self.form_kind == RegistrationForm.Kind.ORDER:
            return self._as_listed(rows, "responses__response").distinct()
        if not self.cancelled and self.listed_responses is None:
            rows = rows.exclude(state__in=OVER)
        if self.form_kind == RegistrationForm.Kind.ORDER and not (self.tariff or self.session):
            return self._filtered(rows.filter(responses__response__form=self.number), "", [])
        if self.source == CUSTOMERS:
            return self._filtered(rows, "", [])
        inside = Q(Exists(self.tickets().filter(order=OuterRef("pk")).order_by()))
        return rows.filter(inside | Q(Exists(self.passes().filter(order=OuterRef("pk")).order_by())))

    def order_responses(self) -> QuerySet[OrderResponse]:
        """Return the responses to order forms of these orders."""
        if self.listed_responses is not None and self.form_kind == RegistrationForm.Kind.ORDER:
            return self._as_listed(OrderResponse.objects.all(), "response")
        return OrderResponse.objects.filter(order__in=self.orders().order_by())

    def customers(self) -> QuerySet[Customer]:
        """Return the customers of the scope."""
        theirs = self.orders().filter(buyer=OuterRef("pk")).order_by()
        return Customer.objects.known().filter(Exists(theirs), organiser=self.organiser)

    def own_forms(self, kind: str) -> set[int]:
        """Return the forms of this kind that are used here today: their columns exist before the first answer."""
        if self.source == FORM:
            return {self.number} if self.form_kind == kind else set()
        if kind == RegistrationForm.Kind.TARIFF and self.source in (EVENT, SESSION):
            event = {"event": self.number} if self.source == EVENT else {"event__sessions": self.number}
            forms = Tariff.objects.filter(form__isnull=False, **event).values_list("form_id", flat=True)
            return set(forms)
        if kind == RegistrationForm.Kind.PASS and self.source == PASS:
            return set(
                SeasonPass.objects.filter(pk=self.number, form__isnull=False).values_list(
                    "form_id", flat=True
                )
            )
        return set()

    # --- filters -------------------------------------------------------------------------------------
    def _filtered(self, rows: QuerySet, to_order: str, responses: list[str]) -> QuerySet:
        """Return the rows that match the filters.

        ``responses``: paths to the responses of a row itself; those of its order are always included.
        """
        if self.order_state:
            rows = rows.filter(**{f"{to_order}state": self.order_state})
        order = OuterRef(f"{to_order}pk")
        if self.since:
            columns = [f"{to_order}{name}_at" for name in ("placed", "paid", "cancelled")]
            columns += [f"{path}__changed_at" for path in responses]
            of_order = OrderResponse.objects.filter(order=order, response__changed_at__gte=self.since)
            changed = Q(Exists(of_order))
            for column in columns:
                changed |= Q(**{f"{column}__gte": self.since})
            rows = rows.filter(changed)
        if self.question:
            given = Q(Exists(self._given().filter(response__order_response__order=order)))
            for path in responses:
                given |= Q(Exists(self._given().filter(response=OuterRef(path))))
            rows = rows.filter(given)
        return rows

    def _given(self) -> QuerySet[Answer]:
        answers = Answer.objects.filter(field__key=self.question, state=Answer.State.ANSWERED)
        if self.choice == "no":
            # A consent that was not given is stored as an unticked box.
            left = Q(field__type="consent", state=Answer.State.BLANK)
            return Answer.objects.filter(
                Q(state=Answer.State.ANSWERED, v_bool=False) | left, field__key=self.question
            )
        if self.choice in YES_NO:
            return answers.filter(v_bool=YES_NO[self.choice])
        chosen = Answer.choices.through.objects.filter(answer=OuterRef("pk"), choice__key=self.choice)
        return answers.filter(Q(v_choice__key=self.choice) | Q(Exists(chosen)))
