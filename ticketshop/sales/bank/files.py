"""Store the payments of a bank file, each once: also if a file comes twice, or two files overlap.

The same payment is recognised by a hash of account, day, direction, amount and

- ``bank_key``: the bank's own reference of the payment. A statement (camt.053) and a notification (camt.054) contain the same one.
- ``text_key``, where the bank gives none: the references, the text and the payer. It is erased with these.

Two equal payments in one file are two: the second one's hash contains the number 2. ``NtryRef`` is not used: Swiss banks write the
number of the account there. ``booking_key`` is the same for a booking and for the payments it consists of.
"""

import hashlib
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime

from django.db import transaction

from ticketshop.history import history
from ticketshop.lib.values import iban
from ticketshop.organisers.models import Organiser

from ..models import BankEntry, BankFile, PaymentMethod
from ..payments import methods
from . import references
from .camt import Account, Contents, Transaction


@dataclass
class Result:
    """The result of reading a file in. ``file`` is None if nothing in it was new. ``foreign``: IBANs of accounts that are not the organiser's."""

    file: BankFile | None
    new: int = 0
    known: int = 0
    left_out: int = 0
    unreadable: int = 0
    foreign: list[str] = field(default_factory=list)


def own_accounts(organiser: Organiser) -> set[str]:
    """Return the IBANs to which buyers of this organiser transfer money, whether that is offered at the moment or not."""
    rows = PaymentMethod.objects.filter(point_of_sale__organiser=organiser, code__in=methods.TRANSFERS)
    typed = (str(settings.get("iban") or "") for settings in rows.values_list("settings", flat=True))
    return {account for text in typed if (account := iban.normalise(text))}


@transaction.atomic
def store(organiser: Organiser, contents: Contents, *, by, now: datetime) -> Result:
    """Store the payments to the organiser's accounts that are not known yet. Debits are counted only."""
    _lock(organiser)
    own = own_accounts(organiser)
    ours = [account for account in contents.accounts if account.iban in own]
    foreign = [account for account in contents.accounts if account.iban not in own]
    file = BankFile.objects.create(
        organiser=organiser,
        kind=contents.kind,
        message_id=contents.message_id,
        uploaded_at=now,
        uploaded_by=history.author(by),
        left_out=sum(account.debits + account.pending for account in ours),
        unreadable=sum(account.unreadable for account in ours),
        foreign=sum(len(account.transactions) for account in foreign),
    )
    entries = list(_entries(file, ours))
    wanted = _without_known_bookings(file, entries)
    BankEntry.objects.bulk_create(wanted, batch_size=500, ignore_conflicts=True)
    _close_bookings(file, now)
    file.new = BankEntry.objects.filter(file=file).count()
    file.known = len(entries) - file.new
    result = Result(
        file, file.new, file.known, file.left_out, file.unreadable, [account.iban for account in foreign]
    )
    if not file.new:
        file.delete()
        result.file = None
        return result
    file.save(update_fields=["new", "known"])
    return result


def _lock(organiser: Organiser) -> None:
    """Let only one file of the organiser be stored at a time: of a booking and its payments the second must find the first."""
    Organiser.objects.select_for_update(no_key=True).only("pk").get(pk=organiser.pk)


def _entries(file: BankFile, accounts: list[Account]) -> Iterator[BankEntry]:
    """Yield a row for each payment, with its keys."""
    seen: Counter[tuple] = Counter()
    for account in accounts:
        for paid in account.transactions:
            identity = _identity(paid)
            seen[identity] += 1
            key = _hash(*identity, seen[identity])
            yield BankEntry(
                organiser=file.organiser,
                file=file,
                kind=paid.kind.value,
                account=paid.account,
                booked_on=paid.booked_on,
                amount=paid.amount,
                currency=paid.currency,
                payments=paid.payments,
                references=" ".join(references.found_in(paid.references, paid.text)),
                payer=paid.payer,
                text=" ".join([*paid.references, paid.text]).strip()[:600],
                bank_key=key if paid.bank_reference else "",
                text_key="" if paid.bank_reference else key,
                booking_key=_booking(paid),
            )


def _identity(paid: Transaction) -> tuple:
    """Return what the same payment has in common in all files."""
    common = (paid.account, paid.booked_on, paid.kind.value, paid.amount, paid.currency)
    if paid.bank_reference:
        # Swiss banks write the reference of the whole booking, or of a packet of slips, at each of its payments.
        of_payment = (paid.end_to_end, *paid.references) if paid.is_part else ()
        return (*common, paid.bank_reference, *of_payment)
    return (*common, paid.entry_reference, paid.end_to_end, *paid.references, paid.text, paid.payer)


def _booking(paid: Transaction) -> str:
    if not paid.entry_reference:
        return ""
    return _hash(paid.account, paid.booked_on, paid.kind.value, paid.currency, paid.entry_reference)


def _hash(*parts: object) -> str:
    return hashlib.sha256("\x1f".join(map(str, parts)).encode()).hexdigest()


def _without_known_bookings(file: BankFile, entries: list[BankEntry]) -> list[BankEntry]:
    """Return the rows without bookings of several payments that another file has listed one by one."""
    keys = {entry.booking_key for entry in entries if entry.payments > 1 and entry.booking_key}
    listed = set(
        BankEntry.objects.filter(organiser=file.organiser, booking_key__in=keys, payments=1).values_list(
            "booking_key", flat=True
        )
    )
    return [entry for entry in entries if entry.payments == 1 or entry.booking_key not in listed]


def _close_bookings(file: BankFile, now: datetime) -> None:
    """Close earlier rows for several payments that this file lists one by one. If the money of such a row was recorded for an
    order as a whole, its payments are known: they are deleted again, so that nobody records the money twice.
    """
    parts = BankEntry.objects.filter(file=file, payments=1).exclude(booking_key="")
    bookings = BankEntry.objects.filter(
        organiser=file.organiser, payments__gt=1, booking_key__in=parts.values("booking_key")
    )
    # First this UPDATE: it waits for a member of staff who records such a row at the same moment.
    bookings.filter(state=BankEntry.State.OPEN).update(
        state=BankEntry.State.LISTED, requested_at=None, handled_at=now, handled_by=file.uploaded_by
    )
    recorded = set(bookings.filter(state=BankEntry.State.RECORDED).values_list("booking_key", flat=True))
    parts.filter(booking_key__in=recorded).delete()
