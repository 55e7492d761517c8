"""Why a season pass does not open a date, with a sentence that holders and staff can read."""

from dataclasses import dataclass

from django.utils.formats import date_format
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from ticketshop.catalogue import pass_dates
from ticketshop.catalogue.models import Session
from ticketshop.lib.dates import days

from ..models import Admission, IssuedPass

CANCELLED, UNPAID = "cancelled", "unpaid"
NOT_YET_VALID, EXPIRED, NOT_OPENED = "not_yet_valid", "expired", "not_opened"
USED_UP, DATE_USED_UP = "used_up", "date_used_up"


@dataclass(frozen=True)
class Refusal:
    """Why a pass does not open a date: a code of this module, and a sentence."""

    code: str
    text: str


def of_date(issued: IssuedPass, session: Session) -> Refusal | None:
    """Return why a pass does not open a date, however many entries are left; None if it does.

    ``issued`` has its season pass, ``session`` its event and organiser.
    """
    if refusal := of_validity(issued, session):
        return refusal
    if not pass_dates.opens(issued.season_pass, session):
        return Refusal(NOT_OPENED, _("This pass does not open this date."))
    return None


def of_validity(issued: IssuedPass, session: Session) -> Refusal | None:
    """Return why a pass is not valid on the day of a date that it opens; None if it is. No query."""
    if issued.state == Admission.State.CANCELLED:
        return Refusal(CANCELLED, _("This pass is cancelled."))
    if issued.state == Admission.State.RESERVED:
        return Refusal(UNPAID, _("This pass is not paid yet."))
    day = days.day_of(session.starts_at, session.event.organiser.zone)
    if day < issued.valid_from:
        return Refusal(
            NOT_YET_VALID,
            _("This pass is valid from %(day)s only.") % {"day": date_format(issued.valid_from)},
        )
    if day > issued.valid_until:
        return Refusal(
            EXPIRED, _("This pass was valid until %(day)s.") % {"day": date_format(issued.valid_until)}
        )
    return None


def of_entries(issued: IssuedPass, taken: int, wanted: int = 1) -> Refusal | None:
    """Return why a pass has no entries left for a date; None if it has ``wanted`` more.

    ``taken``: entries of the pass for this date that are taken already.
    """
    left = issued.entries_left
    if left is not None and left < wanted:
        if left == 0:
            text = ngettext(
                "The %(count)d entry of this pass is used or booked.",
                "All %(count)d entries of this pass are used or booked.",
                issued.entries,
            )
            return Refusal(USED_UP, text % {"count": issued.entries})
        text = ngettext(
            "This pass has only %(count)d entry left.", "This pass has only %(count)d entries left.", left
        )
        return Refusal(USED_UP, text % {"count": left})
    most = issued.season_pass.entries_per_date
    if taken + wanted > most:
        text = ngettext(
            "This pass gives at most %(count)d entry for a date, and it is used or booked.",
            "This pass gives at most %(count)d entries for a date. Used or booked: %(taken)d.",
            most,
        )
        return Refusal(DATE_USED_UP, text % {"count": most, "taken": taken})
    return None


def left_text(issued: IssuedPass) -> str:
    """Return how many entries are left; empty for a pass without a limit."""
    if issued.entries_left is None:
        return ""
    if issued.entries_left == 0:
        return _("This was the last entry of the pass.")
    text = ngettext("%(count)d entry left.", "%(count)d entries left.", issued.entries_left)
    return text % {"count": issued.entries_left}
