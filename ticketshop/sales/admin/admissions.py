"""Tickets and issued passes: looked at; the door and the order change them."""

from django.contrib import admin
from django.db.models import Max, Q
from django.utils.translation import gettext_lazy

from ticketshop.catalogue.models import Event, Session, Tariff
from ticketshop.lib import references
from ticketshop.lib.email_addresses import searched_email
from ticketshop.lib.text import number_in
from ticketshop.office.scoped_admin import ReadOnlyAdmin
from ticketshop.office.sections import NONE, link, shown
from ticketshop.organisers import permissions

from ..admission_lists import WITH_PASS, WITH_TICKET
from ..models import DATE_CANCELLED, ERASED, OPEN_STATES, STATE_TEXTS, IssuedPass, Ticket
from . import answers, missing_answers, names, tables
from .orders import references_begin

# A filter offers so many.
MOST = 100


class AdmissionAdmin(ReadOnlyAdmin):
    """What a ticket and a pass share: found by the beginning of the code, or of the names on it."""

    ordering = ["-pk"]
    buttons = (names.CHANGE_NAMES, answers.CHANGE_ANSWERS, missing_answers.ENTER_ANSWERS)
    search_fields = ["code"]
    search_help_text = gettext_lazy(
        "The beginning of the code, of the first or last name on it, of its holder’s e-mail address, or an order’s reference."
    )

    def get_search_results(self, request, queryset, search_term):
        search_term = search_term.replace("\x00", "")[:200]
        words = search_term.split()
        # A whole code, in the groups in which it is printed.
        pasted = references_begin("order__reference", search_term)
        for code in references.readings(search_term):
            pasted |= Q(code__startswith=references.compact(code))
        # A name that still waits for its event is found by nobody who does not know the order.
        waits = Q(order__buyer__erasing_at__isnull=False) | Q(beneficiary__erasing_at__isnull=False)
        by_words = Q()
        for word in words:
            of_name = Q(holder_last_name__istartswith=word) | Q(holder_first_name__istartswith=word)
            of_name |= Q(holder_email__istartswith=searched_email(word))
            by_words &= (
                Q(code__startswith=word.upper())
                | (of_name & ~waits)
                | Q(order__reference__startswith=word.upper())
            )
        return queryset.filter(by_words | pasted) if words else queryset, False

    def sections(self, request, row):
        return shown(request, row, answers.sections(request, row))

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
    """The state as it is shown: a ticket of a cancelled date is not among the valid ones."""

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
    """Tickets of one event; the events with the latest dates are offered."""

    title = gettext_lazy("event")
    parameter_name = "event"

    def lookups(self, request, model_admin):
        rows = permissions.within(Event.objects.all(), model_admin.allowed(request, "view"))
        # By their dates, and not by their tickets: those are many.
        found = list(rows.annotate(last=Max("sessions__starts_at")).order_by("-last", "-pk")[:MOST])
        wanted = number_in(request.GET.get(self.parameter_name), digits=17)
        if wanted is not None and all(row.pk != wanted for row in found):
            found += rows.filter(pk=wanted)
        return [(str(row.pk), row.title) for row in found]

    def queryset(self, request, queryset):
        wanted = number_in(self.value(), digits=17)
        return queryset if wanted is None else queryset.filter(session__event=wanted)


class OfTheEvent(admin.SimpleListFilter):
    """Offers something of the event chosen beside it, or of the one that is asked for."""

    def rows(self, request, model_admin):
        """What there is of one event, for the user."""
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
    title = gettext_lazy("date")
    parameter_name = "date"
    model, lookup = Session, "session"

    def lookups(self, request, model_admin):
        rows = self.rows(request, model_admin)
        found = rows.order_by("-starts_at")[:MOST] if rows != [] else []
        return [(str(row.pk), tables.when(row.starts_at)) for row in found]


class TariffFilter(OfTheEvent):
    title = gettext_lazy("tariff")
    parameter_name = "tariff"
    model, lookup = Tariff, "line__offer__tariff"

    def lookups(self, request, model_admin):
        rows = self.rows(request, model_admin)
        found = rows.order_by("position", "pk")[:MOST] if rows != [] else []
        return [(str(row.pk), row.name) for row in found]


@admin.register(Ticket)
class TicketAdmin(AdmissionAdmin):
    list_display = ["short_code", "event_text", "date_text", "holder_text", "state_text", "order_reference"]
    list_filter = [EventFilter, SessionFilter, TariffFilter, TicketStateFilter]
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
        "order_link",
    ]
    readonly_fields = fields

    def get_queryset(self, request):
        return super().get_queryset(request).select_related(*WITH_TICKET, "order", "beneficiary")

    @admin.display(description=gettext_lazy("event"))
    def event_text(self, ticket):
        return ticket.session.event.title

    @admin.display(description=gettext_lazy("date"))
    def date_text(self, ticket):
        parts = (tables.when(ticket.session.starts_at), ticket.moved_text)
        return " – ".join(part for part in parts if part)

    @admin.display(description=gettext_lazy("tariff"))
    def tariff_text(self, ticket):
        return ticket.line.shown_tariff


@admin.register(IssuedPass)
class IssuedPassAdmin(AdmissionAdmin):
    list_display = ["short_code", "name_text", "holder_text", "valid_until", "state", "order_reference"]
    list_filter = ["state", "season_pass"]
    fields = [
        "code",
        "name_text",
        "holder_text",
        "holder_email",
        "beneficiary_link",
        "valid_from",
        "valid_until",
        "entries_left",
        "state",
        "order_link",
    ]
    readonly_fields = fields

    def get_queryset(self, request):
        return super().get_queryset(request).select_related(*WITH_PASS, "order", "beneficiary")

    @admin.display(description=gettext_lazy("season pass"))
    def name_text(self, issued):
        return issued.shown_name
