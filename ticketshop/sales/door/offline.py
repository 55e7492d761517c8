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

from django.db.models import Q
from django.utils.crypto import salted_hmac

from ticketshop.catalogue.models import Session, Tariff
from ticketshop.lib.values import references
from ticketshop.lib.values.text import normalise_line
from ticketshop.organisers.access import reachable

from ..models import Admission, CheckIn, IssuedPass, ReplacedCode, Ticket
from . import answers, check_ins, entries, offline_passes
from .answers import Answer
from .check_ins import Device
from .forms import LONGEST_CODE

HEX_DIGITS = 24  # of a hash: 96 bits
MOST = 500  # entries in one request
# State of a ticket in the list -> code of the answer to it.
REFUSED = {
    Admission.State.USED: answers.ALREADY_IN,
    Admission.State.RESERVED: answers.UNPAID,
    Admission.State.CANCELLED: answers.CANCELLED,
    "replaced": answers.REPLACED,
    offline_passes.BOOKING_NEEDED: answers.BOOKING_NEEDED,
    offline_passes.USED_UP: answers.USED_UP,
}


def salt(session: Session) -> str:
    """Return the salt of the hashes of one date; nobody can compute it without the secret key."""
    return salted_hmac("ticketshop.door", str(session.pk), algorithm="sha256").hexdigest()


def hashed(session_salt: str, code: str) -> str:
    """Return the hash of a code, as ``door.js`` computes it."""
    return hashlib.sha256(f"{session_salt}{code}".encode()).hexdigest()[:HEX_DIGITS]


def code_list(session: Session) -> dict:
    """Return the list for a device, as JSON: hash -> [state, number of the tariff, entries of a pass], and the texts."""
    this = salt(session)
    real = Ticket.objects.filter(reachable("order__point_of_sale__"), session=session)
    rows = list(real.values_list("code", "state", "line__offer__tariff"))
    passes = offline_passes.of_session(session)
    replaced = ReplacedCode.objects.filter(
        Q(ticket__session=session) | Q(issued_pass__in=[row.pk for row in passes])
    ).values_list("code", flat=True)
    tariffs = Tariff.objects.in_bulk({tariff for _code, _state, tariff in rows})
    numbers = {pk: number for number, pk in enumerate(tariffs)}
    codes = {hashed(this, code): [state, numbers.get(tariff)] for code, state, tariff in rows}
    codes |= {hashed(this, code): ["replaced", None] for code in replaced}
    kinds = [{"name": row.name, "age": answers.age_text(row)} for row in tariffs.values()]
    names = list(dict.fromkeys(row.name for row in passes))
    codes |= {
        hashed(this, row.code): [row.state, len(kinds) + names.index(row.name), row.times] for row in passes
    }
    return {
        "salt": this,
        "digits": HEX_DIGITS,
        "cancelled": session.state == Session.State.CANCELLED,
        "codes": codes,
        "tariffs": [*kinds, *({"name": name, "age": ""} for name in names)],
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
            device.key, gate, happened if now - check_ins.LONGEST_OFFLINE < happened <= now else None
        )
        yield key, code.replace("\x00", ""), device


def record(session: Session, code: str, device: Device, *, by, now: datetime) -> Answer:
    """Decide an entry that a device made without network. A refusal is kept as a conflict. Sent again it is the same entry."""
    answer = entries.enter(session, code, device, by=by, now=now)
    if answer.welcome:
        return answer
    admission = answer.admission or _replaced(session, code)
    if admission is None:
        return answer
    if CheckIn.objects.filter(key=device.key_of(admission, CheckIn.Kind.IN)).exists():
        return Answer(answers.WELCOME)  # recorded before; the person has been out again since
    kind = CheckIn.Kind.CONFLICT
    conflict = check_ins.new(session, admission, kind, device, by=by, now=now, refusal=answer.code)
    CheckIn.objects.bulk_create([conflict], ignore_conflicts=True)
    return answer


def _replaced(session: Session, typed: str) -> Ticket | IssuedPass | None:
    rows = ReplacedCode.objects.filter(
        code=references.compact(typed), order__organiser=session.event.organiser_id
    ).select_related("ticket", "issued_pass")
    found = rows.first()
    return found.admission if found else None


def conflicts(session: Session) -> list[CheckIn]:
    """Return the conflicts of a date, the latest first, each with its ticket or pass. One query."""
    return list(
        CheckIn.objects.filter(session=session, kind=CheckIn.Kind.CONFLICT)
        .select_related(
            "ticket__line__offer__tariff",
            "ticket__order",
            "issued_pass__season_pass",
            "issued_pass__line",
            "issued_pass__order",
        )
        .order_by("-pk")
    )
