"""Second factors: which users have or need one, and the mails and records when one is added, removed or lost."""

from datetime import datetime

from allauth.account.internal.flows.login import get_authentication_records, record_authentication
from allauth.mfa.models import Authenticator
from django.db import transaction
from django.utils import translation

from ticketshop.mail import outbox
from ticketshop.organisers.models import Organiser, StaffMembership
from ticketshop.organisers.permissions import permissions_by_organiser

from ..log_in import devices
from ..models import User

MAIN = (Authenticator.Type.TOTP, Authenticator.Type.WEBAUTHN)
# In the session: the workplaces for which the log-in was found to fulfil what is demanded.
CHECKED = "second_factor_checked"
PLATFORM = "platform"


def is_needed(user: User) -> bool:
    """Return whether an organiser of this staff member demands a second factor; for an administrator of the platform, any."""
    if user.is_superuser:
        return Organiser.objects.filter(second_factor_required=True).exists()
    return StaffMembership.objects.filter(user=user, organiser__second_factor_required=True).exists()


def workplaces(user: User) -> list[int | str]:
    """Return the ids of the organisers of a staff member, or PLATFORM for an administrator of the platform. No extra query:
    pages of staff read the permissions anyway.
    """
    return [PLATFORM] if user.is_superuser else sorted(permissions_by_organiser(user))


def is_checked(request) -> bool:
    """Return whether the log-in session was checked for every workplace that the user has now."""
    checked = request.session.get(CHECKED)
    return isinstance(checked, list) and set(checked) >= set(workplaces(request.user))


def types_of(user: User) -> set[str]:
    """Return the types of the second factors of a log-in, without recovery codes."""
    return set(Authenticator.objects.filter(user=user, type__in=MAIN).values_list("type", flat=True))


def was_used(request) -> bool:
    """Return whether a second factor was used or set up in this log-in session."""
    return any(record.get("method") == "mfa" for record in get_authentication_records(request, request.user))


def added(sender, request, user, authenticator, **kwargs) -> None:
    """Count a factor that was just set up as used in this session, and end the other sessions of the log-in."""
    if authenticator.type in MAIN:
        if not was_used(request):
            record_authentication(request, user, "mfa", id=authenticator.pk, type=authenticator.type)
        devices.end(user, but=request.session.session_key)


def removed(sender, request, user, **kwargs) -> None:
    """Check again whether a factor is missing, and end the other sessions of the log-in."""
    request.session.pop(CHECKED, None)
    devices.end(user, but=request.session.session_key)


@transaction.atomic
def reset(user: User, *, language: str = "", now: datetime) -> bool:
    """Delete all factors of a user, for instance after a lost device, end all sessions, and tell the user by mail.

    The password stays: the next log-in asks for it, and staff who need a factor then set up a new one. Return False if there was none.
    """
    User.objects.select_for_update(no_key=True).get(pk=user.pk)
    deleted, _by_model = Authenticator.objects.filter(user=user).delete()
    if not deleted:
        return False
    devices.end(user)
    tell(user, "reset", language=language or translation.get_language() or "en", now=now)
    return True


def tell(user: User, what: str, *, language: str, now: datetime, pos=None) -> None:
    """Queue the mail to the owner of a log-in that its second factor has changed."""
    about = {"user": user.pk, "why": what}
    outbox.queue("account_factor", to=user.email, language=language, now=now, about=about, pos=pos)
