"""What lines and tickets share."""

from datetime import datetime

from ticketshop.catalogue import dates
from ticketshop.catalogue.models import Session

MONEY = {"max_digits": 10, "decimal_places": 2}


def moved_from(promised: datetime | None, session: Session | None) -> datetime | None:
    """The start that was promised, if the session begins at another time now; None otherwise."""
    if session is None or promised is None or dates.same_minute(promised, session.starts_at):
        return None
    return promised


class OfADate:
    """What lines and tickets of a session share: whether it takes place when it was promised."""

    session: Session | None
    moved_from: datetime | None

    @property
    def moved_text(self) -> str:
        """“Moved from … to …”; empty where the session begins when it was promised, or does not take place."""
        if self.moved_from is None or self.date_cancelled:
            return ""
        return dates.moved_text(self.moved_from, self.session.starts_at)

    @property
    def date_cancelled(self) -> bool:
        """Whether the session does not take place."""
        return self.session is not None and self.session.state == Session.State.CANCELLED
