"""Parts that lines and tickets share: the format of amounts, and whether the session is still at its promised time."""

from datetime import datetime

from ticketshop.catalogue import dates
from ticketshop.catalogue.models import Session

MONEY = {"max_digits": 10, "decimal_places": 2}
# Amounts that banks and payment services tell; as large as a bank file may contain (``bank.camt``).
MONEY_TOLD = {"max_digits": 14, "decimal_places": 2}


def moved_from(promised: datetime | None, session: Session | None) -> datetime | None:
    """Return the promised start if the session begins at another time now, else None."""
    if session is None or promised is None or dates.same_minute(promised, session.starts_at):
        return None
    return promised


class OfADate:
    """Base of lines and tickets of a session: whether it takes place at the promised time."""

    session: Session | None
    moved_from: datetime | None

    @property
    def moved_text(self) -> str:
        """Return “Moved from … to …”; empty if the session begins as promised or is cancelled."""
        if self.moved_from is None or self.date_cancelled:
            return ""
        return dates.moved_text(self.moved_from, self.session.starts_at)

    @property
    def date_cancelled(self) -> bool:
        """Return whether the session is cancelled."""
        return self.session is not None and self.session.state == Session.State.CANCELLED
