"""Entry control without network: the list that a device takes along, and the entries that it sends later.

The list contains a hash of each code, salted by date, with the state of the ticket and its tariff; no names and no codes. What the
device let in with it is decided by the server as soon as it arrives. A refusal can't send the person home any more: it is
kept as a conflict.
"""

import hashlib
import json
import uuid
from collections.abc import Iterator
from datetime import UTC, datetime

from django.utils.crypto import salted_hmac

from ticketshop.catalogue.models import Session, Tariff
from ticketshop.history import history
from ticketshop.lib.values import references
from ticketshop.lib.values.text import normalise_line

from ..models import Admission, CheckIn, ReplacedCode, Ticket
from . import answers, entries
from .answers import Answer
from .entries import Device
from .forms import LONGEST_CODE

HEX_DIGITS = 24  # of a hash: 96 bits
MOST = 500  # entries in one request
# State of a ticket in the list -> code of the answer to it.
REFUSED = {
    Admission.State.USED: answers.ALREADY_IN,
    Admission.State.RESERVED: answers.UNPAID,
    Admission.State.CANCELLED: answers.CANCELLED,
    "replaced": answers.REPLACED,
}


def salt(session: Session) -> str:
    """Return the salt of the hashes of one date; nobody can compute it without the secret key."""
    return salted_hmac("ticketshop.door", str(session.pk), algorithm="sha256").hexdigest()


def hashed(session_salt: str, code: str) -> str:
    """Return the hash of a code, as ``door.js`` computes it."""
    return hashlib.sha256(f"{session_salt}{code}".encode()).hexdigest()[:HEX_DIGITS]


def code_list(session: Session) -> dict:
    """Return the list for a device, as JSON: hash -> [state, number of the tariff], and the texts. Three queries."""
    this = salt(session)
    rows = list(Ticket.objects.filter(session=session).values_list("code", "state", "line__offer__tariff"))
    replaced = ReplacedCode.objects.filter(ticket__session=session).values_list("code", flat=True)
    tariffs = Tariff.objects.in_bulk({tariff for _code, _state, tariff in rows})
    numbers = {pk: number for number, pk in enumerate(tariffs)}
    codes = {hashed(this, code): [state, numbers.get(tariff)] for code, state, tariff in rows}
    codes |= {hashed(this, code): ["replaced", None] for code in replaced}
    return {
        "salt": this,
        "digits": HEX_DIGITS,
        "cancelled": session.state == Session.State.CANCELLED,
        "codes": codes,
        "tariffs": [{"name": row.name, "age": answers.age_text(row)} for row in tariffs.values()],
        "refused": {state: texts(code) for state, code in REFUSED.items()},
        "date_cancelled": texts(answers.DATE_CANCELLED),
    }


def texts(code: str) -> dict[str, str]:
    """Return word and sentence of a refusal."""
    return {"word": str(answers.WORDS[code]), "detail": str(answers.ADVICE.get(code, ""))}


def read(text: str, now: datetime) -> Iterator[tuple[str, str, Device]]:
    """Yield key as sent, code and device for each entry of a posted JSON list; entries that can't be read are left out."""
    try:
        rows = json.loads(text)
    except (ValueError, RecursionError):  # the latter: brackets within brackets
        return
    for row in rows[:MOST] if isinstance(rows, list) else ():
        try:
            key, code = str(row["key"]), str(row["code"])[:LONGEST_CODE]
            happened = datetime.fromtimestamp(int(row["at"]) / 1000, UTC)
            gate = normalise_line(str(row.get("gate", "")))[:40]
            device = Device(uuid.UUID(key), gate)
        except (AttributeError, KeyError, OverflowError, TypeError, ValueError, OSError):
            continue
        device = Device(
            device.key, gate, happened if now - entries.LONGEST_OFFLINE < happened <= now else None
        )
        yield key, code.replace("\x00", ""), device


def record(session: Session, code: str, device: Device, *, by, now: datetime) -> Answer:
    """Decide an entry that a device made without network. A refusal is kept as a conflict. Sent again it is the same entry."""
    answer = entries.enter(session, code, device, by=by, now=now)
    if answer.welcome:
        return answer
    ticket = answer.ticket or _replaced(session, code)
    if ticket is None:
        return answer
    if CheckIn.objects.filter(key=device.key_of(ticket, CheckIn.Kind.IN)).exists():
        return Answer(answers.WELCOME, ticket)  # recorded before; the person has been out again since
    conflict = CheckIn(
        session=session,
        ticket=ticket,
        kind=CheckIn.Kind.CONFLICT,
        refusal=answer.code,
        gate=device.gate,
        at=now,
        device_at=device.at,
        by=history.author(by),
        key=device.key_of(ticket, CheckIn.Kind.CONFLICT),
    )
    CheckIn.objects.bulk_create([conflict], ignore_conflicts=True)
    return answer


def _replaced(session: Session, typed: str) -> Ticket | None:
    rows = ReplacedCode.objects.filter(
        code=references.compact(typed), order__organiser=session.event.organiser_id
    ).select_related("ticket")
    found = rows.first()
    return found.ticket if found else None


def conflicts(session: Session) -> list[CheckIn]:
    """Return the conflicts of a date, the latest first, each with its ticket. One query."""
    return list(
        CheckIn.objects.filter(session=session, kind=CheckIn.Kind.CONFLICT)
        .select_related("ticket__line__offer__tariff", "ticket__order")
        .order_by("-pk")
    )
