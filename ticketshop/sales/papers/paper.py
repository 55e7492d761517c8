"""The content of a receipt, invoice or credit note, without its layout: ``paper_pdf`` draws it, a template shows it.

All texts are in the language that was active when the paper was made.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from decimal import Decimal

from django.utils import timezone
from django.utils.formats import date_format
from django.utils.translation import gettext as _

from ticketshop.lib.values import countries
from ticketshop.lib.values.money import ZERO
from ticketshop.organisers.models import Organiser

from ..models import CancelledLine, OrderLine
from ..payments.qr_bills import QrBill


@dataclass(frozen=True)
class RateSum:
    """The amounts at one VAT rate (per cent). ``gross`` is ``net`` plus ``vat``."""

    rate: Decimal
    net: Decimal
    vat: Decimal
    gross: Decimal


@dataclass(frozen=True)
class PaperLine:
    """A line of a paper: what, its tariff and date in ``detail``, and amounts with VAT included.

    ``rate`` is None for a line that sums up several rates.
    """

    title: str
    detail: str
    quantity: int
    unit_price: Decimal
    rate: Decimal | None
    total: Decimal


@dataclass(frozen=True)
class Movement:
    """Money that came or went back, or something that was cancelled: a sentence and its amount."""

    text: str
    amount: Decimal


@dataclass(frozen=True)
class Section:
    """A titled list of movements, such as “How it was paid”."""

    title: str
    movements: list[Movement]


@dataclass(frozen=True)
class Paper:
    """One paper. ``facts``: (label, value) such as number and date. ``rates`` is empty if no VAT is stated.

    ``recipient``: lines of the postal address; empty on a receipt. ``instructions``: (label, value) of how it is paid, and
    ``qr_bill`` with what it contains.
    """

    title: str
    facts: list[tuple[str, str]]
    seller: list[str]
    currency: str
    lines: list[PaperLine]
    total: Decimal
    rates: list[RateSum]
    recipient: list[str] = field(default_factory=list)
    sections: list[Section] = field(default_factory=list)
    instructions: list[tuple[str, str]] = field(default_factory=list)
    qr_bill: QrBill | None = None
    notes: list[str] = field(default_factory=list)

    @property
    def vat_total(self) -> Decimal:
        """Return the VAT of all rates together."""
        return sum((rate.vat for rate in self.rates), ZERO)

    @property
    def net_total(self) -> Decimal:
        """Return the amount without VAT."""
        return sum((rate.net for rate in self.rates), ZERO)


def day_text(instant) -> str:
    """Return the day of an instant in the active time zone and language."""
    return date_format(timezone.localtime(instant), "j F Y")


def line_of(line: OrderLine, *, quantity: int | None = None, total: Decimal | None = None) -> PaperLine:
    """Return an order's line as it was sold: titles and amounts of the sale, not those of the catalogue today.

    ``quantity`` and ``total``: of a part of it, both or none.
    """
    when = ""
    if line.session_starts_at:
        starts = timezone.localtime(line.session_starts_at)
        when = f"{date_format(starts, 'l j F Y')}, {date_format(starts, 'H:i')}"
    return PaperLine(
        title=line.title,
        detail=" · ".join(part for part in (line.tariff_name, when) if part),
        quantity=line.quantity if quantity is None else quantity,
        unit_price=line.unit_price,
        rate=line.vat_rate,
        total=line.total if total is None else total,
    )


def cancelled_amounts(lines: Iterable[CancelledLine]) -> list[tuple[Decimal, Decimal, Decimal]]:
    """Return (rate, gross, VAT) of cancelled parts, negative, for ``by_rate``. ``lines`` have their ``line`` loaded."""
    return [(part.line.vat_rate, -part.total, -part.vat_amount) for part in lines]


def sold_amounts(lines: Iterable[OrderLine]) -> list[tuple[Decimal, Decimal, Decimal]]:
    """Return (rate, gross, VAT) of sold lines, for ``by_rate``."""
    return [(line.vat_rate, line.total, line.vat_amount) for line in lines]


def by_rate(amounts: Iterable[tuple[Decimal, Decimal, Decimal]]) -> list[RateSum]:
    """Return the sums of (rate, gross, VAT), the highest rate first. VAT was rounded line by line and is not computed anew."""
    sums: dict[Decimal, tuple[Decimal, Decimal]] = {}
    for rate, gross, vat in amounts:
        known_gross, known_vat = sums.get(rate, (ZERO, ZERO))
        sums[rate] = known_gross + gross, known_vat + vat
    return [
        RateSum(rate, gross - vat, vat, gross)
        for rate, (gross, vat) in sorted(sums.items(), key=lambda item: -item[0])
    ]


def rates_of(organiser: Organiser, lines: Iterable[OrderLine]) -> list[RateSum]:
    """Return the VAT of these lines by rate; empty for a seller without a VAT number, who must not state VAT.

    Law: Swiss VAT Act art. 27; Directive 2006/112/EC art. 203.
    """
    if not organiser.vat_number:
        return []
    return by_rate(sold_amounts(lines))


def seller_of(organiser: Organiser) -> list[str]:
    """Return legal name, postal address and VAT number of the seller, line by line, in the active language."""
    town = f"{organiser.postcode} {organiser.city}".strip()
    place = f"{town}, {countries.named(organiser.country)}" if town and organiser.country else town
    lines = [organiser.legal_name or organiser.name, organiser.street_line, place]
    if organiser.vat_number:
        lines.append(_("VAT number %(number)s") % {"number": organiser.vat_number})
    return [line for line in lines if line]


def vat_note(organiser: Organiser) -> list[str]:
    """Return the sentence about VAT in the prices; empty for a seller without a VAT number."""
    return [_("All prices include VAT.")] if organiser.vat_number else []
