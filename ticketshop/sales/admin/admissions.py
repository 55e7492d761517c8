"""Tickets and issued passes, read-only: check-in and the order change them."""

from functools import reduce
from operator import or_

from django.contrib import admin
from django.db.models import Max, Q, QuerySet
from django.utils.html import format_html_join
from django.utils.translation import gettext_lazy

from ticketshop.catalogue.models import Event, Session, Tariff
from ticketshop.lib.database.ids import FEW, few_keys
from ticketshop.lib.values import references
from ticketshop.lib.values.email_addresses import searched_email
from ticketshop.lib.values.text import number_in
from ticketshop.office.scoped_admin import ReadOnlyAdmin
from ticketshop.office.sections import NONE, link, shown
from ticketshop.organisers import permissions

from ..admission_lists import WITH_PASS, WITH_TICKET, heading
from ..counter.finding import references_begin
from ..models import DATE_CANCELLED, ERASED, OPEN_STATES, STATE_TEXTS, IssuedPass, ReplacedCode, Ticket
from . import tables
from .form_pages import answers, missing_answers
from .order_pages import given_tickets, names, new_codes

# The largest number of options of a filter.
MOST = 100


def _any(conditions: list[Q]) -> Q:
    return reduce(or_, conditions)


class AdmissionAdmin(ReadOnlyAdmin):
    """Base of the pages of tickets and passes: found by the beginning of the code or of the names on them."""

    ordering = ["-pk"]
    buttons = (
        names.CHANGE_NAMES,
        new_codes.NEW_CODE,
        answers.CHANGE_ANSWERS,
        missing_answers.ENTER_ANSWERS,
    )
    search_fields = ["code"]
    search_help_text = gettext_lazy(
        "The beginning of the code, of the first or last name on it, of its holder’s e-mail address, or an order’s reference."
    )

    def get_search_results(self, request, queryset, search_term):
        search_term = search_term.replace("\x00", "")[:200]
        words = search_term.split()
        if not words:
            return queryset, False
        # A complete code, in groups as printed.
        pasted = [references_begin("order__reference", search_term)]
        for code in references.readings(search_term):
            compact = references.compact(code)
            pasted += [Q(code__startswith=compact), Q(pk__in=self._replaced(compact))]
        # While the buyer or beneficiary is being erased, a retained name is not searched: only those who know
        # the order find it.
        waits = Q(order__buyer__erasing_at__isnull=False) | Q(beneficiary__erasing_at__isnull=False)
        by_words = Q()
        for word in words:
            by_words &= _any(self._codes(word)) | (_any(self._names(word)) & ~waits)
        return queryset.filter(by_words | _any(pasted), *self._few(words, pasted)), False

    def _codes(self, word: str) -> list[Q]:
        return [Q(code__startswith=word.upper()), Q(order__reference__startswith=word.upper())]

    def _names(self, word: str) -> list[Q]:
        return [
            Q(holder_last_name__istartswith=word),
            Q(holder_first_name__istartswith=word),
            Q(holder_email__istartswith=searched_email(word)),
        ]

    def _few(self, words: list[str], pasted: list[Q]) -> list[Q]:
        """Return the condition that a row has the rarest word, or what was pasted; none if these rows are many.

        It leaves out no result. For the other conditions alone PostgreSQL reads all tickets: an OR across tables uses no index.
        """
        rows = self.model._default_manager.all()
        of_paste = few_keys(rows, pasted, FEW)
        if of_paste is None:
            return []
        of_words = (few_keys(rows, [*self._codes(word), *self._names(word)], FEW) for word in words)
        rarest = min((keys for keys in of_words if keys is not None), key=len, default=None)
        return [] if rarest is None else [Q(pk__in=rarest | of_paste)]

    def _replaced(self, code: str) -> QuerySet:
        """Return the tickets, or passes, that had this complete code."""
        path = "ticket" if self.model is Ticket else "issued_pass"
        return ReplacedCode.objects.filter(code=code, **{f"{path}__isnull": False}).values(path)

    def sections(self, request, row):
        return shown(
            request,
            row,
            [
                ("sales.view_ticket", lambda: tables.replaced_codes(row.replaced_codes.all())),
                *answers.sections(request, row),
            ],
        )

    @admin.display(description=gettext_lazy("code"))
    def short_code(self, row):
        return row.code[:8]

    @admin.display(description=gettext_lazy("state"))
    def state_text(self, row):
        return row.state_text

    @admin.display(description=gettext_lazy("name on it"))
    def holder_text(self, row):
        return row.holder_text

    @admin.display(description=gettext_lazy("order"))
    def order_reference(self, row):
        return row.order.reference

    @admin.display(description=gettext_lazy("order"))
    def order_link(self, row):
        return link(row.order, row.order.reference)

    @admin.display(description=gettext_lazy("for"))
    def beneficiary_link(self, row):
        if row.beneficiary is None:
            return NONE
        if row.beneficiary.erasing_at is not None:
            return ERASED
        return link(row.beneficiary, row.beneficiary.full_name or row.beneficiary)


class TicketStateFilter(admin.SimpleListFilter):
    """Filter by the state that is shown: a ticket of a cancelled date is not valid."""

    title = gettext_lazy("state")
    parameter_name = "state"

    def lookups(self, request, model_admin):
        return list(STATE_TEXTS.items())

    def queryset(self, request, queryset):
        wanted = self.value()
        of_cancelled = Q(session__state=Session.State.CANCELLED, state__in=OPEN_STATES)
        if wanted == DATE_CANCELLED:
            return queryset.filter(of_cancelled)
        return queryset.filter(state=wanted).exclude(of_cancelled) if wanted in STATE_TEXTS else queryset


class EventFilter(admin.SimpleListFilter):
    """Filter by event; events with the latest dates are offered."""

    title = gettext_lazy("event")
    parameter_name = "event"

    def lookups(self, request, model_admin):
        rows = permissions.within(Event.objects.all(), model_admin.allowed(request, "view"))
        # Searched by their dates, because there are too many tickets.
        latest = list(rows.annotate(last=Max("sessions__starts_at")).order_by("-last", "-pk")[:MOST])
        wanted = number_in(request.GET.get(self.parameter_name), digits=17)
        if wanted is not None and all(row.pk != wanted for row in latest):
            latest += rows.filter(pk=wanted)
        return [(str(row.pk), row.title) for row in latest]

    def queryset(self, request, queryset):
        wanted = number_in(self.value(), digits=17)
        return queryset if wanted is None else queryset.filter(session__event=wanted)


class OfTheEvent(admin.SimpleListFilter):
    """Base of filters whose options belong to the chosen event."""

    def rows(self, request, model_admin):
        """Return the options of one event that the staff member may see."""
        event = number_in(request.GET.get(EventFilter.parameter_name), digits=17)
        wanted = number_in(request.GET.get(self.parameter_name), digits=17)
        if event is None and wanted is None:
            return []
        rows = permissions.within(self.model.objects.all(), model_admin.allowed(request, "view"))
        return rows.filter(event=event) if event is not None else rows.filter(pk=wanted)

    def queryset(self, request, queryset):
        wanted = number_in(self.value(), digits=17)
        return queryset if wanted is None else queryset.filter(**{self.lookup: wanted})


class SessionFilter(OfTheEvent):
    """Filter by date."""

    title = gettext_lazy("date")
    parameter_name = "date"
    model, lookup = Session, "session"

    def lookups(self, request, model_admin):
        rows = self.rows(request, model_admin)
        latest = rows.order_by("-starts_at")[:MOST] if rows != [] else []
        return [(str(row.pk), tables.when(row.starts_at)) for row in latest]


class TariffFilter(OfTheEvent):
    """Filter by tariff."""

    title = gettext_lazy("tariff")
    parameter_name = "tariff"
    model, lookup = Tariff, "line__offer__tariff"

    def lookups(self, request, model_admin):
        rows = self.rows(request, model_admin)
        tariffs = rows.order_by("position", "pk")[:MOST] if rows != [] else []
        return [(str(row.pk), row.name) for row in tariffs]


@admin.register(Ticket)
class TicketAdmin(AdmissionAdmin):
    list_display = ["short_code", "event_text", "date_text", "holder_text", "state_text", "order_reference"]
    list_filter = [EventFilter, SessionFilter, TariffFilter, TicketStateFilter]
    list_select_related = ["session__event", "line", "order"]
    buttons = (*AdmissionAdmin.buttons, given_tickets.TAKE_BACK)
    fields = [
        "code",
        "event_text",
        "date_text",
        "tariff_text",
        "holder_text",
        "holder_email",
        "beneficiary_link",
        "state_text",
        "used_at",
        "booked_with_link",
        "order_link",
    ]
    readonly_fields = fields

    def get_queryset(self, request):
        return super().get_queryset(request).select_related(*WITH_TICKET, "order", "beneficiary")

    def notes(self, request, row):
        return [*super().notes(request, row), *given_tickets.notes(row)]

    @admin.display(description=gettext_lazy("event"))
    def event_text(self, ticket):
        return ticket.session.event.title

    @admin.display(description=gettext_lazy("date"))
    def date_text(self, ticket):
        parts = (tables.when(ticket.session.starts_at), ticket.moved_text)
        return " – ".join(part for part in parts if part)

    @admin.display(description=gettext_lazy("booked with"))
    def booked_with_link(self, ticket):
        """Return a link to the pass with which the place was booked."""
        return link(ticket.booked_with, ticket.booked_with.code[:8]) if ticket.booked_with else NONE

    @admin.display(description=gettext_lazy("tariff"))
    def tariff_text(self, ticket):
        return ticket.line.shown_tariff


@admin.register(IssuedPass)
class IssuedPassAdmin(AdmissionAdmin):
    list_display = ["short_code", "name_text", "holder_text", "valid_until", "state", "order_reference"]
    list_filter = ["state", "season_pass"]
    list_select_related = ["season_pass", "line", "order"]
    fields = [
        "code",
        "name_text",
        "holder_text",
        "holder_email",
        "beneficiary_link",
        "valid_from",
        "valid_until",
        "entries",
        "entries_left",
        "bookings_text",
        "state",
        "order_link",
    ]
    readonly_fields = fields

    def get_queryset(self, request):
        return super().get_queryset(request).select_related(*WITH_PASS, "order", "beneficiary")

    @admin.display(description=gettext_lazy("season pass"))
    def name_text(self, issued):
        return issued.shown_name

    @admin.display(description=gettext_lazy("booked dates"))
    def bookings_text(self, issued):
        """Return links to the tickets that were booked with the pass, without cancelled ones."""
        booked = issued.bookings.exclude(state=Ticket.State.CANCELLED).select_related(*WITH_TICKET)
        rows = booked.order_by("session__starts_at", "pk")
        return format_html_join(", ", "{}", ((link(row, heading(row)),) for row in rows)) or NONE
