"""The rows of entries at the door, and what a device sends with a scan."""

import uuid
from dataclasses import dataclass
from datetime import datetime, timedelta

from ticketshop.catalogue.models import Session
from ticketshop.history import history

from ..models import CheckIn, IssuedPass, Ticket

# Older times of a device are not believed, nor times to come.
LONGEST_OFFLINE = timedelta(days=3)


@dataclass(frozen=True)
class Device:
    """Data that a device sends with a scan.

    ``key``: a random key, the same when the scan is sent again. ``at``: when it happened, of a scan without network.
    """

    key: uuid.UUID
    gate: str = ""
    at: datetime | None = None

    def key_of(self, admission: Ticket | IssuedPass, kind: str) -> uuid.UUID:
        """Return the key of the row: the same for a scan sent twice, another one for another ticket or pass."""
        number = f"pass{admission.pk}" if isinstance(admission, IssuedPass) else admission.pk
        return uuid.uuid5(self.key, f"{kind}:{number}")

    def time(self, now: datetime) -> datetime:
        """Return when the scan happened: by the device's clock if that is plausible, else ``now``."""
        return self.at if self.at and now - LONGEST_OFFLINE < self.at <= now else now


def new(
    session: Session,
    admission: Ticket | IssuedPass,
    kind: str,
    device: Device,
    *,
    by,
    now: datetime,
    **columns: object,
) -> CheckIn:
    """Return the unsaved row of what happened to a ticket or pass. ``columns``: the others of ``CheckIn``."""
    return CheckIn(
        session=session,
        ticket=admission if isinstance(admission, Ticket) else None,
        issued_pass=admission if isinstance(admission, IssuedPass) else None,
        kind=kind,
        gate=device.gate,
        at=now,
        device_at=device.at,
        by=history.author(by),
        key=device.key_of(admission, kind),
        **columns,
    )
