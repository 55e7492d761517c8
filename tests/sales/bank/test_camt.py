"""Reading bank files: all versions, everything a bank writes, and hostile files."""

import zipfile
from datetime import date
from decimal import Decimal
from io import BytesIO

import pytest

from ticketshop.demo.bank_files import Booking, Paid, Statement, write
from ticketshop.sales.bank import camt
from ticketshop.sales.bank.camt import Kind, UnreadableFile
from ticketshop.sales.bank.references import found_in

pytestmark = pytest.mark.scenario("PAY-14")
OWN = "CH9300762011623852957"
DAY = date(2026, 11, 27)
RF = "RF28KPWX9T7G"


def one(*payments, **values) -> Booking:
    return Booking(payments, DAY, **{"bank_reference": "B-1", **values})


def read(*bookings, **values) -> camt.Account:
    (account,) = camt.read(write([Statement(OWN, bookings)], **values)).accounts
    return account


@pytest.mark.parametrize("kind", ["camt.053", "camt.054"])
@pytest.mark.parametrize("version", ["02", "04", "08"])
def test_every_version_gives_the_same_payments(kind, version):
    first = Paid(Decimal("70.00"), RF, payer="Zoë & Söhne", bank_reference="T-1")
    second = Paid(Decimal("35.50"), text="Danke für  den\nAbend", payer="Bob", bank_reference="T-2")
    contents = camt.read(write([Statement(OWN, [one(first, second)])], kind=kind, version=version))
    assert (contents.kind, contents.message_id) == (kind, "MSG-1")
    (account,) = contents.accounts
    assert account.iban == OWN
    assert [
        (
            t.kind,
            t.amount,
            t.currency,
            t.booked_on,
            t.references,
            t.text,
            t.payer,
            t.bank_reference,
            t.is_part,
        )
        for t in account.transactions
    ] == [
        (Kind.CREDIT, Decimal("70.00"), "CHF", DAY, (RF,), "", "Zoë & Söhne", "T-1", True),
        (Kind.CREDIT, Decimal("35.50"), "CHF", DAY, (), "Danke für den Abend", "Bob", "T-2", True),
    ]


def test_debits_and_pending_bookings_are_counted_and_reversals_are_distinguished():
    money = Paid(Decimal("10.00"))
    account = read(
        one(money),
        one(money, credit=False),
        one(money, credit=False),
        one(money, state="PDNG"),
        one(money, credit=False, reversal=True),
        one(money, reversal=True),
    )
    assert [t.kind for t in account.transactions] == [Kind.CREDIT, Kind.TAKEN_BACK, Kind.RETURNED]
    assert (account.debits, account.pending, account.unreadable) == (2, 1, 0)


def test_booking_without_its_payments_is_one_row_with_their_number():
    account = read(one(Paid(Decimal(10)), Paid(Decimal(20)), Paid(Decimal(30)), listed=False))
    (booked,) = account.transactions
    assert (booked.amount, booked.payments, booked.is_part) == (Decimal("60.00"), 3, False)


def test_amount_of_a_payment_is_in_the_currency_of_the_account_if_the_file_tells_it():
    content = write([Statement(OWN, [one(Paid(Decimal("50.00"), currency="EUR"))])]).replace(
        b'<Ntry><Amt Ccy="CHF">50.00', b'<Ntry><Amt Ccy="CHF">47.10'
    )
    (account,) = camt.read(content).accounts
    assert [(t.amount, t.currency) for t in account.transactions] == [(Decimal("47.10"), "CHF")]
    # Charges of the own bank do not make the buyer's payment smaller.
    charged = write([Statement(OWN, [one(Paid(Decimal("50.00"), charges=Decimal("1.50")))])]).replace(
        b'<Ntry><Amt Ccy="CHF">50.00', b'<Ntry><Amt Ccy="CHF">48.50'
    )
    (account,) = camt.read(charged).accounts
    assert [t.amount for t in account.transactions] == [Decimal("50.00")]


@pytest.mark.parametrize(
    "old, new",
    [
        (b"<Dt>2026-11-27</Dt>", b"<Dt>2026-02-30</Dt>"),
        (b'<Amt Ccy="CHF">10', b'<Amt Ccy="CHF">1e9'),
        (b'<Amt Ccy="CHF">10', b'<Amt Ccy="CHF">-10'),
        (b'<Amt Ccy="CHF">10', b"<Amt>10"),
        (b'<Amt Ccy="CHF">10', b'<Amt Ccy="CHF">NaN'),
        (b'<Amt Ccy="CHF">10', '<Amt Ccy="CHF">１０'.encode()),
        (b'<Amt Ccy="CHF">10', b'<Amt Ccy="CHF">10,50'),
        (b'<Amt Ccy="CHF">10', b'<Amt Ccy="CHF">1000000000010'),
    ],
)
def test_unreadable_row_is_counted_and_the_others_are_read(old, new):
    bad = write([Statement(OWN, [one(Paid(Decimal(10))), one(Paid(Decimal(20)))])])
    start, split = bad.index(b"<Ntry>"), bad.index(b"</Ntry>")
    (account,) = camt.read(bad[:start] + bad[start:split].replace(old, new) + bad[split:]).accounts
    assert (account.unreadable, [t.amount for t in account.transactions]) == (1, [Decimal("20.00")])


# --- hostile and wrong files ---------------------------------------------------------------------------------
GOOD = write([Statement(OWN, [one(Paid(Decimal(10), RF))])])
BODY = GOOD.partition(b"?>")[2]
ENTITY = b'<!DOCTYPE Document [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;&a;&a;">]>'
EXTERNAL = b'<!DOCTYPE Document SYSTEM "http://127.0.0.1:9/evil.dtd">'
FILE = b'<!DOCTYPE Document [<!ENTITY x SYSTEM "file:///etc/passwd">]>'


def zipped() -> bytes:
    content = BytesIO()
    with zipfile.ZipFile(content, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("bomb.xml", b"<a>" * 1_000_000)
    return content.getvalue()


@pytest.mark.parametrize(
    "content, sentence",
    [
        (b"", "not a bank file"),
        (b"%PDF-1.7 something", "not a bank file"),
        (b"\x00\x01\x02", "not a bank file"),
        (b"date;amount\n2026-11-27;10.00", "not a bank file"),
        (zipped(), "This is an archive"),
        (b"\x1f\x8b\x08\x00rest", "This is an archive"),
        (b"<html><body>Log in</body></html>", "This is XML, but no bank file"),
        (GOOD.replace(b"camt.053.001.04", b"camt.052.001.04"), "This file is camt.052.001.04"),
        (GOOD.replace(b"camt.053.001.04", b"camt.053.001.12"), "This file is camt.053.001.12"),
        (GOOD.replace(b"camt.053.001.04", b"pain.001.001.03"), "This file is pain.001.001.03"),
        (GOOD.replace(b"urn:iso:std:iso:20022:tech:xsd:camt", b"http://evil.example/camt"), "no bank file"),
        (GOOD.replace(b"BkToCstmrStmt", b"Other"), "contains no statement"),
        (GOOD[:-40], "is damaged"),
        (GOOD.replace(b"</Ntry>", b"</Ntri>"), "is damaged"),
        (GOOD.replace(b"MSG-1", b"\xff\xfe"), "is damaged"),
        (GOOD.replace(b"MSG-1", b"&unknown;"), "is damaged"),
        (GOOD.decode().encode("utf-16"), "not in UTF-8"),
        (GOOD.decode().encode("utf-16-le"), "not in UTF-8"),
        (GOOD.decode().encode("utf-16-be"), "not in UTF-8"),
        (b"\n" + BODY.decode().encode("utf-16-le"), "is damaged|not a bank file"),
        (GOOD.replace(b'"UTF-8"', b'"ISO-8859-1"'), "not in UTF-8"),
        (GOOD.replace(b'"UTF-8"', b'"UTF-7"'), "not in UTF-8"),
        (ENTITY + BODY, "document type or entities"),
        (EXTERNAL + BODY, "document type or entities"),
        (FILE + BODY.replace(b"MSG-1", b"&x;"), "document type or entities"),
        (b"<a>" * 100, "nested too deeply"),
        (b" " * (camt.MAX_BYTES + 1), "larger than 8 MB"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_file_that_cannot_be_used_is_refused_with_a_sentence(content, sentence):
    with pytest.raises(UnreadableFile, match=sentence):
        camt.read(content)


def test_file_with_too_many_elements_is_refused(monkeypatch):
    assert camt.MAX_ELEMENTS == 500_000
    camt.read(GOOD)
    monkeypatch.setattr(camt, "MAX_ELEMENTS", 9)
    with pytest.raises(UnreadableFile, match="too large"):
        camt.read(GOOD)


def test_file_with_too_many_payments_is_refused(monkeypatch):
    assert camt.MAX_ENTRIES == 5_000
    monkeypatch.setattr(camt, "MAX_ENTRIES", 20)
    (account,) = camt.read(write([Statement(OWN, [one(*[Paid(Decimal(1))] * 20)])])).accounts
    assert len(account.transactions) == 20
    with pytest.raises(UnreadableFile, match="more than 20 payments"):
        camt.read(write([Statement(OWN, [one(*[Paid(Decimal(1))] * 21)])]))


def test_elements_of_other_namespaces_and_comments_are_left_out():
    foreign = b'<x:Ntry xmlns:x="urn:x"><x:Amt Ccy="CHF">99</x:Amt></x:Ntry><!-- <Ntry/> -->'
    (account,) = camt.read(GOOD.replace(b"<Ntry>", foreign + b"<Ntry>", 1)).accounts
    assert [t.amount for t in account.transactions] == [Decimal("10.00")]


# --- references ------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    "structured, text",
    [
        ((RF,), ""),
        (("RF28 KPWX 9T7G",), ""),
        ((), "rf28 kpwx 9t7g"),
        ((), "Zahlung RF28KPWX9T7G merci"),
        ((), "REF.RF28 KPW X9T 7G/TICKETS"),
        ((), "Order kpwx-9t7g, thank you"),
        ((), "KPWX 9T7G"),
        ((), "commande n° KPWX–9T7G"),
        (("RF99KPWX9T7G",), "order KPWX9T7G"),
    ],
)
def test_reference_is_found_in_any_notation(structured, text):
    assert found_in(structured, text)[:1] == ["KPWX-9T7G"]


@pytest.mark.parametrize(
    "text", ["", "Thank you", "RF99KPWX9T7G", "1234 5678", "KPWX9T7GX", "XKPWX9T7G", "KPWX 9T7"]
)
def test_other_texts_have_no_reference(text):
    assert found_in((), text) == []


def test_creditor_references_come_before_looser_ones_and_their_number_is_bounded():
    text = "MERC TAXE " + "KPWX-9T7G " + "RF28 KPWX 9T7G "
    assert found_in((), text) == ["KPWX-9T7G", "MERC-TAXE"]
    assert len(found_in((), " ".join(f"KPWX 9T7{char}," for char in "ACDEFGHJ"))) == 5
