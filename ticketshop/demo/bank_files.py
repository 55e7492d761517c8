"""Bank files as Swiss banks write them, for trying out and for tests: camt.053 and camt.054 in the versions 02, 04 and 08."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from xml.sax.saxutils import escape

NAMES = {"camt.053": ("BkToCstmrStmt", "Stmt"), "camt.054": ("BkToCstmrDbtCdtNtfctn", "Ntfctn")}


@dataclass(frozen=True)
class Paid:
    """One payment. Empty values are left out of the file."""

    amount: Decimal
    reference: str = ""  # structured (CdtrRefInf)
    text: str = ""  # unstructured
    payer: str = ""
    bank_reference: str = ""  # AcctSvcrRef of the payment
    end_to_end: str = "NOTPROVIDED"
    currency: str = ""  # of the payment, if it is not that of the account
    charges: Decimal = Decimal(0)


@dataclass(frozen=True)
class Booking:
    """One booking with its payments. With ``listed`` false only their number and sum are in the file."""

    payments: Sequence[Paid]
    day: date
    bank_reference: str = ""
    credit: bool = True
    reversal: bool = False
    state: str = "BOOK"
    listed: bool = True
    note: str = ""  # AddtlNtryInf


@dataclass(frozen=True)
class Statement:
    """The bookings of one account."""

    iban: str
    bookings: Sequence[Booking] = field(default_factory=list)
    currency: str = "CHF"


def write(
    statements: Sequence[Statement], *, kind: str = "camt.053", version: str = "04", number: str = "MSG-1"
) -> bytes:
    """Return the file as a bank sends it. ``number``: the bank's number of the message."""
    message, account = NAMES[kind]
    parts = "".join(_statement(one, account, version, place) for place, one in enumerate(statements, 1))
    return (
        '<?xml version="1.0" encoding="UTF-8"?>\n'
        f'<Document xmlns="urn:iso:std:iso:20022:tech:xsd:{kind}.001.{version}"'
        ' xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance">'
        f"<{message}><GrpHdr><MsgId>{escape(number)}</MsgId><CreDtTm>2026-11-29T06:00:00</CreDtTm>"
        "<MsgPgntn><PgNb>1</PgNb><LastPgInd>true</LastPgInd></MsgPgntn></GrpHdr>"
        f"{parts}</{message}></Document>\n"
    ).encode()


def _statement(statement: Statement, name: str, version: str, place: int) -> str:
    entries = "".join(_entry(booking, statement.currency, version) for booking in statement.bookings)
    return (
        f"<{name}><Id>{name.upper()}-{place}</Id><ElctrncSeqNb>{place}</ElctrncSeqNb>"
        "<CreDtTm>2026-11-29T06:00:00</CreDtTm>"
        f"<Acct><Id><IBAN>{statement.iban}</IBAN></Id><Ccy>{statement.currency}</Ccy></Acct>"
        f"{entries}</{name}>"
    )


def _entry(booking: Booking, currency: str, version: str) -> str:
    total = sum((paid.amount for paid in booking.payments), Decimal(0))
    state = f"<Cd>{booking.state}</Cd>" if version == "08" else booking.state
    parts = "".join(_details(paid, booking, currency, version) for paid in booking.payments)
    count = len(booking.payments)
    batch = f"<Btch><NbOfTxs>{count}</NbOfTxs></Btch>" if count > 1 else ""
    details = f"<NtryDtls>{batch}{parts if booking.listed else ''}</NtryDtls>"
    reversal = "<RvslInd>true</RvslInd>" if booking.reversal else ""
    return (
        f'<Ntry><Amt Ccy="{currency}">{total}</Amt><CdtDbtInd>{_direction(booking)}</CdtDbtInd>{reversal}'
        f"<Sts>{state}</Sts><BookgDt><Dt>{booking.day}</Dt></BookgDt><ValDt><Dt>{booking.day}</Dt></ValDt>"
        f"{_element('AcctSvcrRef', booking.bank_reference)}"
        "<BkTxCd><Domn><Cd>PMNT</Cd><Fmly><Cd>RCDT</Cd><SubFmlyCd>VCOM</SubFmlyCd></Fmly></Domn></BkTxCd>"
        f"{details}{_element('AddtlNtryInf', booking.note)}</Ntry>"
    )


def _details(paid: Paid, booking: Booking, currency: str, version: str) -> str:
    money = f'<Amt Ccy="{paid.currency or currency}">{paid.amount}</Amt>'
    # In version 02 the amount of a payment stands among the details only.
    amount = (
        f"<AmtDtls><TxAmt>{money}</TxAmt></AmtDtls>"
        if version == "02"
        else f"{money}<CdtDbtInd>{_direction(booking)}</CdtDbtInd>"
    )
    charges = (
        f'<Chrgs><TtlChrgsAndTaxAmt Ccy="{currency}">{paid.charges}</TtlChrgsAndTaxAmt></Chrgs>'
        if paid.charges
        else ""
    )
    name = _element("Nm", paid.payer)
    person = f"<Pty>{name}</Pty>" if version == "08" else name
    structured = f"<CdtrRefInf><Tp><CdOrPrtry><Cd>SCOR</Cd></CdOrPrtry></Tp>{_element('Ref', paid.reference)}</CdtrRefInf>"
    remittance = _element("Ustrd", paid.text) + (f"<Strd>{structured}</Strd>" if paid.reference else "")
    return (
        f"<TxDtls><Refs>{_element('AcctSvcrRef', paid.bank_reference)}"
        f"<EndToEndId>{escape(paid.end_to_end)}</EndToEndId></Refs>{amount}{charges}"
        f"<RltdPties><Dbtr>{person if paid.payer else ''}</Dbtr></RltdPties>"
        f"<RmtInf>{remittance}</RmtInf></TxDtls>"
    )


def _direction(booking: Booking) -> str:
    return "CRDT" if booking.credit else "DBIT"


def _element(name: str, text: str) -> str:
    return f"<{name}>{escape(text)}</{name}>" if text else ""
