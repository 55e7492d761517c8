"""The entries of one date as a table: a row per ticket, and per pass whose code let in, for the time after the evening."""

from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

from django.db.models import Count, OuterRef, Q, Subquery
from django.utils.translation import gettext as _
from django.utils.translation import pgettext

from ticketshop.catalogue.models import Session
from ticketshop.lib.spreadsheets.formats import Cell, Format, Header, Word

from ..models import HOLDER_ERASED, STATE_TEXTS, Admission, CheckIn, IssuedPass, Ticket
from .counts import SOLD

KEYS = ("tariff", "last_name", "first_name", "order", "code", "state", "let_in_at", "gate", "times", "undone")


def content(session: Session, file_format: Format) -> bytes:
    """Return the file, in the active language and time zone. Two queries."""
    labels = (
        _("Tariff"), _("Last name"), _("First name"), _("Order"), _("Code"), _("State"), pgettext("time", "Let in"), _("Gate"),
        _("Times let in"), _("Undone"),
    )  # fmt: skip
    with TemporaryDirectory() as folder:
        path = Path(folder) / "entries"
        file_format.write(path, Header(KEYS, labels), _rows(session))
        return path.read_bytes()


def _rows(session: Session) -> Iterator[tuple[Cell, ...]]:
    last = CheckIn.objects.filter(ticket=OuterRef("pk"), kind=CheckIn.Kind.IN).order_by("-pk")
    tickets = (
        Ticket.objects.filter(session=session, state__in=SOLD)
        .select_related("line__offer__tariff", "order")
        .annotate(
            gate=Subquery(last.values("gate")[:1]),
            times=Count("check_ins", filter=Q(check_ins__kind=CheckIn.Kind.IN)),
            undone=Count("check_ins", filter=Q(check_ins__kind=CheckIn.Kind.UNDONE)),
        )
        .order_by("used_at", "pk")
    )
    for ticket in tickets:
        ticket.session = session  # the text of its state reads it
        yield (
            ticket.line.shown_tariff,
            ticket.holder_last_name or (str(HOLDER_ERASED) if ticket.holder_erased_at else ""),
            ticket.holder_first_name,
            ticket.order.reference,
            ticket.code,
            Word(ticket.state, ticket.state_text),
            ticket.used_at,
            ticket.gate or "",
            ticket.times,
            ticket.undone,
        )
    yield from _rows_of_passes(session)


def _rows_of_passes(session: Session) -> Iterator[tuple[Cell, ...]]:
    here = CheckIn.objects.filter(session=session).exclude(kind=CheckIn.Kind.CONFLICT)
    last = here.filter(issued_pass=OuterRef("pk"), kind=CheckIn.Kind.IN).order_by("-pk")
    let_in, out, undone = (
        Count("check_ins", filter=Q(check_ins__session=session, check_ins__kind=kind))
        for kind in (CheckIn.Kind.IN, CheckIn.Kind.OUT, CheckIn.Kind.UNDONE)
    )
    passes = (
        IssuedPass.objects.filter(pk__in=here.values("issued_pass"))
        .select_related("season_pass", "line", "order")
        .annotate(
            let_in=let_in,
            out=out,
            undone=undone,
            gate=Subquery(last.values("gate")[:1]),
            in_at=Subquery(last.values("at")[:1]),
        )
        .order_by("pk")
    )
    for issued in passes:
        inside = issued.let_in > issued.out + issued.undone
        state = Admission.State.USED if inside else Admission.State.VALID
        yield (
            issued.shown_name,
            issued.holder_last_name or (str(HOLDER_ERASED) if issued.holder_erased_at else ""),
            issued.holder_first_name,
            issued.order.reference,
            issued.code,
            Word(state, str(STATE_TEXTS[state])),
            issued.in_at,
            issued.gate or "",
            issued.let_in,
            issued.undone,
        )
