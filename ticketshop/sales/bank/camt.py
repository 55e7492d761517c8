"""Read bank files: statements (camt.053) and notifications (camt.054) of ISO 20022, versions 02, 04 and 08.

Elements after the Swiss Implementation Guidelines for Cash Management (SIX) and the message definitions of ISO 20022. The
parser refuses a DTD, entities, other encodings than UTF-8, and files that are too large, too deep or too long.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from enum import Enum
from xml.etree.ElementTree import Element, ParseError, TreeBuilder

from django.utils.translation import gettext as _

from ticketshop.lib.values import iban
from ticketshop.lib.values.text import normalise_line

MAX_BYTES = 8_000_000
MAX_DEPTH = 40
MAX_ELEMENTS = 500_000
MAX_ENTRIES = 5_000  # credits of one file
MAX_TEXT = 500  # characters that are read of one text
_CHUNK = 65_536

_NAMESPACE = re.compile(r"urn:iso:std:iso:20022:tech:xsd:(?P<kind>[a-z]{4}\.\d{3})\.001\.(?P<version>\d{2})")
VERSIONS = ("02", "04", "08")
# Kind -> the element with the message, and in it the element for one account.
MESSAGES = {
    "camt.053": ("BkToCstmrStmt", "Stmt"),
    "camt.054": ("BkToCstmrDbtCdtNtfctn", "Ntfctn"),
}
_AMOUNT = re.compile(r"[0-9]{1,12}(?:\.[0-9]{1,5})?")
# What banks write about the reading of a payment slip: nobody's words.
_CODE = re.compile(r"\?(REJECT|ERROR)\?\d+")
_DAY = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_UTF_16 = (b"\xff\xfe", b"\xfe\xff", b"<\0", b"\0<")  # beginnings, with and without a byte order mark
_ENCODING = re.compile(rb"""^(?:\xef\xbb\xbf)?<\?xml[^>]*?encoding\s*=\s*["']([A-Za-z0-9._-]+)["']""")


class UnreadableFile(Exception):
    """The file can't be used. The text is a translated sentence for the person who chose it."""


class Kind(Enum):
    """The effect of a transaction on the account."""

    CREDIT = "credit"  # money came
    TAKEN_BACK = "taken_back"  # the bank has reversed a credit
    RETURNED = "returned"  # the bank has reversed a debit: money that was sent came back


@dataclass(frozen=True)
class Transaction:
    """One payment of a file. Texts are single lines; ``references`` are as the payer's bank sent them."""

    account: str  # IBAN without spaces
    booked_on: date
    kind: Kind
    amount: Decimal
    currency: str
    references: tuple[str, ...] = ()  # structured: ISO 11649 (RF…) or others
    text: str = ""
    payer: str = ""
    bank_reference: str = ""  # the bank's own, of this payment; may be empty
    entry_reference: str = ""  # the bank's own, of the booking it belongs to; may be empty
    end_to_end: str = ""
    # More than one: a booking of several payments, which the file does not list one by one.
    payments: int = 1
    is_part: bool = False  # one of several payments of one booking


@dataclass
class Account:
    """The statement of one account: its payments, and what was left out."""

    iban: str  # empty if the file names no IBAN
    transactions: list[Transaction] = field(default_factory=list)
    debits: int = 0
    pending: int = 0  # not booked yet
    unreadable: int = 0  # without amount, currency or day


@dataclass(frozen=True)
class Contents:
    """Everything that is used of a file."""

    kind: str  # "camt.053" or "camt.054"
    message_id: str
    accounts: list[Account]


def read(content: bytes) -> Contents:
    """Return the payments of a bank file. Raise UnreadableFile."""
    _check_bytes(content)
    root = _parse(content)
    kind = _kind_of(root)
    message_name, account_name = MESSAGES[kind]
    message = root.find(message_name)
    if message is None:
        raise UnreadableFile(_("The file is incomplete: it contains no statement. Download it again."))
    accounts = [_account(element) for element in message.findall(account_name)]
    if sum(len(account.transactions) for account in accounts) > MAX_ENTRIES:
        raise UnreadableFile(
            _("The file has more than %(most)s payments. Ask the bank for a file for fewer days.")
            % {"most": MAX_ENTRIES}
        )
    return Contents(kind, _text(message, "GrpHdr/MsgId")[:35], accounts)


# --- bytes to elements ---------------------------------------------------------------------------------
def _check_bytes(content: bytes) -> None:
    if len(content) > MAX_BYTES:
        raise UnreadableFile(
            _("The file is larger than %(most)s MB. Ask the bank for a file for fewer days.")
            % {"most": MAX_BYTES // 1_000_000}
        )
    if content[:2] in (b"PK", b"\x1f\x8b"):
        raise UnreadableFile(
            _("This is an archive. Unpack it first, and choose the XML files in it one by one.")
        )
    encoding = _ENCODING.match(content[:300])
    if content[:2] in _UTF_16 or (encoding and encoding[1].lower() not in (b"utf-8", b"us-ascii", b"ascii")):
        raise UnreadableFile(
            _("The file is not in UTF-8, as bank files must be. Download it again, unchanged.")
        )
    if not content.lstrip(b"\xef\xbb\xbf \t\r\n").startswith(b"<"):
        raise UnreadableFile(
            _("This is not a bank file. Choose the XML file of the bank: camt.053 or camt.054.")
        )


class _Bounded(TreeBuilder):
    """Builds the elements, with a limit on their number and depth. Names lose the namespace of the root."""

    def __init__(self) -> None:
        super().__init__()
        self.count = self.depth = 0
        self.prefix = ""
        self.namespace = ""

    def start(self, tag, attrs):
        if not self.count and tag.startswith("{"):
            self.namespace = tag[1:].partition("}")[0]
            self.prefix = f"{{{self.namespace}}}"
        self.count += 1
        self.depth += 1
        if self.count > MAX_ELEMENTS or self.depth > MAX_DEPTH:
            raise UnreadableFile(
                _("The file is too large or nested too deeply. Ask the bank for fewer days.")
            )
        return super().start(tag.removeprefix(self.prefix) if self.prefix else tag, attrs)

    def end(self, tag):
        self.depth -= 1
        return super().end(tag.removeprefix(self.prefix) if self.prefix else tag)

    def close(self):
        root = super().close()
        root.set("namespace", self.namespace)
        return root


def _parse(content: bytes) -> Element:
    from defusedxml.common import DefusedXmlException  # noqa: PLC0415  few requests need it
    from defusedxml.ElementTree import DefusedXMLParser  # noqa: PLC0415

    builder = _Bounded()
    parser = DefusedXMLParser(
        target=builder, encoding="utf-8", forbid_dtd=True, forbid_entities=True, forbid_external=True
    )
    try:
        for start in range(0, len(content), _CHUNK):
            parser.feed(content[start : start + _CHUNK])
        return parser.close()
    except DefusedXmlException:
        raise UnreadableFile(
            _("The file contains a document type or entities, which no bank sends. It was not read.")
        ) from None
    except (ParseError, ValueError, LookupError, AssertionError):
        raise UnreadableFile(_("The file is damaged: it is no valid XML. Download it again.")) from None


def _kind_of(root: Element) -> str:
    """Return "camt.053" or "camt.054". Raise UnreadableFile for other messages, with their name."""
    found = _NAMESPACE.fullmatch(root.get("namespace", ""))
    if root.tag != "Document" or found is None:
        raise UnreadableFile(_("This is XML, but no bank file. Choose a file camt.053 or camt.054."))
    if found["kind"] not in MESSAGES or found["version"] not in VERSIONS:
        raise UnreadableFile(
            _(
                "This file is %(found)s. The shop reads camt.053 and camt.054 in the versions 02, 04 and 08: choose that format at the bank."
            )
            % {"found": f"{found['kind']}.001.{found['version']}"}
        )
    return found["kind"]


# --- elements to payments ------------------------------------------------------------------------------
def _account(element: Element) -> Account:
    account = Account(iban.normalise(_text(element, "Acct/Id/IBAN")))
    for entry in element.findall("Ntry"):
        state = _text(entry, "Sts/Cd") or _text(entry, "Sts")
        if state not in ("", "BOOK"):
            account.pending += 1
            continue
        for part in _parts(entry):
            kind = _kind(entry, part)
            if kind is None:
                account.debits += 1
            elif (transaction := _transaction(account.iban, entry, part, kind)) is None:
                account.unreadable += 1
            else:
                account.transactions.append(transaction)
    return account


def _parts(entry: Element) -> list[Element | None]:
    """Return the payments of a booking; [None] if it lists none."""
    return list(entry.findall("NtryDtls/TxDtls")) or [None]


def _kind(entry: Element, part: Element | None) -> Kind | None:
    """Return what the payment did; None for an ordinary debit."""
    direction = (_text(part, "CdtDbtInd") if part is not None else "") or _text(entry, "CdtDbtInd")
    # Some banks mark a reversal, others only tell why the payment was returned.
    returned = part is not None and part.find("RtrInf") is not None
    reversal = _text(entry, "RvslInd") in ("true", "1") or returned
    if direction == "CRDT":
        return Kind.RETURNED if reversal else Kind.CREDIT
    return Kind.TAKEN_BACK if reversal else None


def _transaction(account: str, entry: Element, part: Element | None, kind: Kind) -> Transaction | None:
    """Return a payment; None without a readable amount or day."""
    count = len(_parts(entry))
    paid, day = _amount(entry, part, alone=count == 1), _day(entry)
    if paid is None or day is None:
        return None
    amount, currency = paid
    details = part if part is not None else entry
    entry_reference = _text(entry, "AcctSvcrRef")
    bank_reference = _text(details, "Refs/AcctSvcrRef")
    return Transaction(
        account=account,
        booked_on=day,
        kind=kind,
        amount=amount,
        currency=currency,
        references=tuple(_texts(details, "RmtInf/Strd/CdtrRefInf/Ref")),
        text=" ".join(_remittance(entry, details, alone=count == 1))[:MAX_TEXT],
        payer=_payer(details)[:140],
        bank_reference=bank_reference if count > 1 else (entry_reference or bank_reference),
        entry_reference=entry_reference,
        end_to_end=_text(details, "Refs/EndToEndId").replace("NOTPROVIDED", ""),
        payments=_batch_size(entry) if part is None else 1,
        is_part=count > 1,
    )


def _batch_size(entry: Element) -> int:
    """Return of how many payments a booking consists that does not list them; 1 if the file does not tell."""
    numbers = [text for text in _texts(entry, "NtryDtls/Btch/NbOfTxs") if re.fullmatch("[0-9]{1,5}", text)]
    return max(1, min(sum(map(int, numbers)), 99_999))


def _amount(entry: Element, part: Element | None, *, alone: bool) -> tuple[Decimal, str] | None:
    """Return amount and currency of a payment, in the currency of the account if the file tells it."""
    booked = _money(entry.find("Amt"))
    if part is None or booked is None:
        return booked
    paths = ("Amt", "AmtDtls/TxAmt/Amt", "AmtDtls/CntrValAmt/Amt", "AmtDtls/InstdAmt/Amt")
    amounts = [found for path in paths if (found := _money(part.find(path))) is not None]
    same = [found for found in amounts if found[1] == booked[1]]
    if same:
        return same[0]
    return booked if alone else (amounts[0] if amounts else None)


def _money(element: Element | None) -> tuple[Decimal, str] | None:
    if element is None:
        return None
    text, currency = (element.text or "").strip(), element.get("Ccy", "")
    if not _AMOUNT.fullmatch(text) or not re.fullmatch("[A-Z]{3}", currency):
        return None
    amount = Decimal(text)
    return (amount.quantize(Decimal("0.01")), currency) if amount > 0 and amount == round(amount, 2) else None


def _day(entry: Element) -> date | None:
    """Return the day of the booking, or else of the value."""
    for path in ("BookgDt/Dt", "BookgDt/DtTm", "ValDt/Dt", "ValDt/DtTm"):
        found = _DAY.match(_text(entry, path))
        if found:
            try:
                return date.fromisoformat(found[0])
            except ValueError:
                continue
    return None


def _remittance(entry: Element, details: Element, *, alone: bool) -> Iterator[str]:
    """Yield what the payer wrote, and what the bank wrote about the payment."""
    yield from _texts(details, "RmtInf/Ustrd")
    for text in _texts(details, "RmtInf/Strd/AddtlRmtInf"):
        if not _CODE.fullmatch(text):
            yield text
    yield from _texts(details, "AddtlTxInf")
    if alone:
        yield from _texts(entry, "AddtlNtryInf")


def _payer(details: Element) -> str:
    """Return the name of the payer. Version 08 has one more element around the person."""
    paths = (
        "RltdPties/Dbtr/Nm",
        "RltdPties/Dbtr/Pty/Nm",
        "RltdPties/UltmtDbtr/Nm",
        "RltdPties/UltmtDbtr/Pty/Nm",
    )
    return next((name for path in paths if (name := _text(details, path))), "")


def _text(element: Element | None, path: str) -> str:
    """Return the text at ``path`` on one line; empty if there is none."""
    return next(iter(_texts(element, path)), "")


def _texts(element: Element | None, path: str) -> list[str]:
    found = element.findall(path) if element is not None else []
    texts = (normalise_line((part.text or "")[:MAX_TEXT]) for part in found)
    return [text for text in texts if text]
