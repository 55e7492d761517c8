"""Why visitors can't buy what staff put on sale: sentences for the pages of the back office.

No problem here is what staff chose and the shop's pages state anyway: cancelled, sold out, sales that are
over or begin later.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime

from django.db.models import Model
from django.utils.formats import date_format
from django.utils.timezone import localtime
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from registration_forms.answers import limited_choices
from registration_forms.definitions import Question
from registration_forms.models import RegistrationForm
from ticketshop.organisers.models import PointOfSale

from . import pass_dates
from .models import Event, Offer, OrderForm, SeasonPass, Session, Tariff

# The largest number of dates named in one sentence; the others are counted.
NAMED = 3
MOST_EVENTS = 10
FIRST, LAST = datetime.min.replace(tzinfo=UTC), datetime.max.replace(tzinfo=UTC)
# Begin and end of a period; None for never.
Window = tuple[datetime, datetime] | None


@dataclass(frozen=True)
class Problem:
    """A reason why visitors can't buy something, as a ``sentence``.

    ``row``: the row to change in order to solve it (None: the page's own row); ``about``: the dates and
    tariffs concerned.
    """

    sentence: str
    row: Model | None = None
    about: tuple[Model, ...] = ()


def of_event(event: Event, now: datetime) -> list[Problem]:
    """Return what prevents tickets of an event from being bought, in any state of the event. At most eight queries."""
    shops = list(event.points_of_sale.all())
    sessions = list(Session.objects.filter(event=event, ends_at__gt=now).order_by("starts_at"))
    tariffs = list(
        Tariff.objects.filter(event=event, active=True).select_related("form__published", "only_with")
    )
    problems = _of_shops(shops)
    if not sessions:
        problems.append(Problem(_("It has no date to come. Enter one below.")))
    if not tariffs:
        problems.append(Problem(_("It has no tariff on sale. Enter one below.")))
    of_order = OrderForm.objects.filter(event=event).select_related("form__published")
    form_uses = [(tariff.form, (tariff,)) for tariff in tariffs]
    problems += _of_forms([*form_uses, *((row.form, ()) for row in of_order)])
    problems += [problem for tariff in tariffs for problem in _of_size(tariff, shops)]
    if tariffs:
        # The shop's own page shows cancelled and sold-out dates.
        problems += _of_dates(
            [session for session in sessions if session.state == Session.State.ON_SALE], tariffs, now
        )
    return problems


def of_session(session: Session, now: datetime) -> list[Problem]:
    """Return what prevents tickets for one date from being bought."""
    return [problem for problem in of_event(session.event, now) if session in problem.about]


def of_tariff(tariff: Tariff, now: datetime) -> list[Problem]:
    """Return what prevents tickets of one tariff from being bought."""
    return [problem for problem in of_event(tariff.event, now) if tariff in problem.about]


def of_pass(season_pass: SeasonPass, now: datetime) -> list[Problem]:
    """Return what prevents a season pass from being bought."""
    problems = _of_shops(list(season_pass.points_of_sale.all()))
    if season_pass.allotment.capacity == 0:
        problems.append(Problem(_("There are none of it. Enter the number of passes below.")))
    today = localtime(now).date()
    starts = season_pass.sales_start_at
    if season_pass.valid_until < today:
        problems.append(Problem(_("It is no longer valid. Change its last day below.")))
    elif starts and localtime(starts).date() > season_pass.valid_until:
        problems.append(Problem(_("Its sales begin after its last day. Change one of them below.")))
    if season_pass.opens == SeasonPass.Opens.CHOSEN_SESSIONS:
        ends = list(season_pass.sessions.values_list("ends_at", flat=True))
        if not ends:
            problems.append(Problem(_("It opens no date yet. Choose its dates below.")))
        elif max(ends) <= now:
            problems.append(Problem(_("Every date it opens is over. Choose others below.")))
    elif season_pass.opens == SeasonPass.Opens.CHOSEN_EVENTS and not season_pass.events.exists():
        problems.append(Problem(_("It opens no event yet. Choose its events below.")))
    return problems + _of_forms([(season_pass.form, ()), (season_pass.extra_form, ())])


def of_bookings(season_pass: SeasonPass, now: datetime) -> list[Problem]:
    """Return what prevents places from being booked with a pass that needs it. At most three queries."""
    problems = []
    if season_pass.booking_needed:
        problems = [
            Problem(
                _("Nobody can book “%(event)s” with it: choose below one of its tariffs that has places.")
                % {"event": event.title},
                event,
            )
            for event in pass_dates.unbookable(season_pass, now)[:MOST_EVENTS]
        ]
    unfit = season_pass.tariffs.exclude(pass_dates.fitting()).select_related("event")
    return problems + [
        Problem(
            _(
                "“%(tariff)s” of “%(event)s” can’t be booked with it: the tariff is not for one person alone any more."
            )
            % {"tariff": tariff.name, "event": tariff.event.title},
            tariff,
        )
        for tariff in unfit
    ]


def _of_shops(shops: list[PointOfSale]) -> list[Problem]:
    if any(shop.active for shop in shops):
        return []
    if len(shops) == 1:
        sentence = _("The point of sale “%(shop)s” is switched off.") % {"shop": shops[0].name}
        return [Problem(sentence, shops[0])]
    return [Problem(_("No point of sale that sells it is switched on."), shops[0] if shops else None)]


def _of_forms(form_uses: list[tuple[RegistrationForm | None, tuple[Model, ...]]]) -> list[Problem]:
    """Return the problems of forms. ``form_uses``: pairs of a form and the tariffs that use it."""
    forms = {form.pk: form for form, _about in form_uses if form is not None}
    unanswerable = limited_choices.unanswerable(forms.values())
    problems = []
    for form, about in form_uses:
        if form is not None and form.published_id is None:
            sentence = _("Nobody is asked the form “%(form)s”: it is not published yet.") % {
                "form": form.name
            }
            problems.append(Problem(sentence, form, about))
        problems += (
            [Problem(cannot_answer(question), form, about) for question in unanswerable.get(form.pk, [])]
            if form
            else []
        )
    return problems


def cannot_answer(question: Question) -> str:
    """Return the sentence about a mandatory question whose choices have no place left."""
    return _(
        "Nobody can answer “%(question)s”, and it is mandatory: too few of its choices have a place left. Enter more places, or"
        " make it optional."
    ) % {"question": question.label}


def _of_size(tariff: Tariff, shops: list[PointOfSale]) -> list[Problem]:
    """Return the problem of a tariff whose smallest order has more tickets than a shop sells in one order."""
    needed = _least(tariff) + (_least(tariff.only_with) if tariff.only_with else 0)
    problems = []
    for shop in shops:
        if needed > shop.max_tickets_per_order:
            sentence = _(
                "“%(tariff)s” takes at least %(needed)d tickets in one order, and “%(shop)s” sells at most %(most)d."
            ) % {
                "tariff": tariff.name,
                "needed": needed,
                "shop": shop.name,
                "most": shop.max_tickets_per_order,
            }
            problems.append(Problem(sentence, tariff, (tariff,)))
    return problems


def _least(tariff: Tariff) -> int:
    """Return the number of tickets in the smallest order of this tariff."""
    return tariff.min_per_order * tariff.tickets_per_unit


# Sentences about a date, or about a tariff at a date. ``dates``: all dates with the same fault.
SENTENCES = {
    "no_places_yet": gettext_lazy("Not on sale: %(dates)s. Enter the places."),
    "never_open": gettext_lazy("Sales would begin only when they are over: %(dates)s."),
    "no_place": gettext_lazy("“%(tariff)s” has no places: %(dates)s."),
    "too_few_places": gettext_lazy(
        "“%(tariff)s” takes at least %(needed)d places in one order, and there are %(places)d: %(dates)s."
    ),
    "other_time": gettext_lazy("“%(tariff)s” is on sale only before or after the sales of %(dates)s."),
    "alone": gettext_lazy(
        "“%(tariff)s” is sold only together with “%(other)s”, which is not on sale at the same time: %(dates)s."
    ),
}


@dataclass(frozen=True)
class _Fault:
    """A key of ``SENTENCES``, the tariff (None: the date itself), and other names in the sentence."""

    code: str
    tariff: Tariff | None = None
    needed: int = 0
    places: int = 0

    def problem(self, sessions: list[Session]) -> Problem:
        """Return the fault as a ``Problem`` of these dates."""
        names = {"dates": _named(sessions), "needed": self.needed, "places": self.places}
        if self.tariff:
            names["tariff"] = self.tariff.name
            names["other"] = self.tariff.only_with.name if self.tariff.only_with else ""
        about = (*sessions, self.tariff) if self.tariff else tuple(sessions)
        return Problem(SENTENCES[self.code] % names, sessions[0] if len(sessions) == 1 else None, about)


def _of_dates(sessions: list[Session], tariffs: list[Tariff], now: datetime) -> list[Problem]:
    offers: dict[int, list[Offer]] = {session.pk: [] for session in sessions}
    rows = Offer.objects.filter(session__in=sessions, tariff__in=tariffs).select_related("allotment")
    for offer in rows.order_by("tariff__position", "tariff_id"):
        offers[offer.session_id].append(offer)
    by_id = {tariff.pk: tariff for tariff in tariffs}
    faults: dict[_Fault, list[Session]] = {}
    for session in sessions:
        for fault in _of_date(session, offers[session.pk], by_id, now):
            faults.setdefault(fault, []).append(session)
    return [fault.problem(found) for fault, found in faults.items()]


def _of_date(
    session: Session, offers: list[Offer], tariffs: dict[int, Tariff], now: datetime
) -> Iterator[_Fault]:
    if not offers:
        yield _Fault("no_places_yet")
        return
    sales = (session.sales_start_at or FIRST, session.sales_end_at or session.starts_at)
    if sales[0] >= sales[1]:
        yield _Fault("never_open")
        return
    windows: dict[int, Window] = {}
    for offer in offers:
        tariff, places = tariffs[offer.tariff_id], offer.allotment.capacity
        window = _both(sales, (tariff.sales_start_at or FIRST, tariff.sales_end_at or LAST))
        if places == 0:
            yield _Fault("no_place", tariff)
        elif places < _least(tariff):
            yield _Fault("too_few_places", tariff, _least(tariff), places)
        elif window is None:
            yield _Fault("other_time", tariff)
        elif window[1] > now:
            windows[tariff.pk] = window
    for pk in _left_alone(windows, tariffs):
        yield _Fault("alone", tariffs[pk])


def _left_alone(windows: dict[int, Window], tariffs: dict[int, Tariff]) -> list[int]:
    """Remove from ``windows`` the tariffs that need a tariff which can't be bought at the same time. Return their ids."""
    tariff_ids: list[int] = []
    again = True
    while again:
        again = False
        for pk, window in list(windows.items()):
            needed = tariffs[pk].only_with_id
            if needed is None:
                continue
            common = _both(window, windows.get(needed))
            if common is None:
                del windows[pk]
                tariff_ids.append(pk)
                again = True
            elif common != window:
                windows[pk] = common
                again = True
    return tariff_ids


def _both(one: Window, other: Window) -> Window:
    if one is None or other is None:
        return None
    start, end = max(one[0], other[0]), min(one[1], other[1])
    return (start, end) if start < end else None


def _named(sessions: list[Session]) -> str:
    """Return dates as text: “3 Dec 2026, 20:00; 4 Dec 2026, 20:00 and 12 more dates”."""
    starts = [date_format(localtime(session.starts_at), "SHORT_DATETIME_FORMAT") for session in sessions]
    text, more = "; ".join(starts[:NAMED]), len(starts) - NAMED
    if more <= 0:
        return text
    return ngettext("%(dates)s and %(count)d more date", "%(dates)s and %(count)d more dates", more) % {
        "dates": text,
        "count": more,
    }
