"""Log-ins nobody uses end by themselves: those whose address was never proved, and those no organiser knows."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from allauth.account.models import EmailAddress
from django.db import transaction
from django.db.models import Exists, OuterRef, Q, QuerySet
from django.db.models.functions import Coalesce
from django.utils.translation import gettext_lazy

from ticketshop.jobs.rows import Tidying
from ticketshop.mail.models import Mail
from ticketshop.organisers.models import StaffMembership

from ..models import UNPROVED_DAYS, UNUSED_YEARS, User


def forget(now: datetime) -> int:
    """Delete them, with addresses that were noted and never proved; returns how many rows went."""
    return sum(job.run(now) for job in (NEVER_PROVED, NOT_USED, ADDRESSES))


@dataclass(frozen=True, eq=False)
class Forgetting(Tidying):
    """Looked at once more while they are held: somebody may be proving the address, or ordering, at this moment."""

    at_once: int = 200

    @transaction.atomic
    def _delete(self, ids: list, now: datetime) -> int:
        held = self.rows(now).model._base_manager.select_for_update(of=("self",)).filter(pk__in=ids)
        list(held.order_by("pk").values_list("pk"))
        return super()._delete(ids, now)


def _nobodys() -> QuerySet[User]:
    """Log-ins of nobody an organiser knows, and of no member of staff."""
    staff = StaffMembership.objects.filter(user=OuterRef("pk"))
    return User.objects.filter(~Exists(staff), contacts=None, is_superuser=False)


def _never_proved(now: datetime) -> QuerySet[User]:
    proved = EmailAddress.objects.filter(user=OuterRef("pk"), verified=True)
    return _nobodys().filter(~Exists(proved), date_joined__lte=now - timedelta(days=UNPROVED_DAYS))


def _not_used(now: datetime) -> QuerySet[User]:
    last = Coalesce("last_login", "date_joined")
    return _nobodys().annotate(last=last).filter(last__lte=now - timedelta(days=365 * UNUSED_YEARS))


def _addresses_never_proved(now: datetime) -> QuerySet[EmailAddress]:
    """Another address that somebody meant to log in with: the row has no date, the mail with the link has."""
    asked = Mail.objects.filter(
        kind="account_confirm",
        recipient__iexact=OuterRef("email"),
        created_at__gt=now - timedelta(days=UNPROVED_DAYS),
    )
    proved = EmailAddress.objects.filter(user=OuterRef("user"), verified=True)
    return EmailAddress.objects.filter(Exists(proved), ~Exists(asked), Q(primary=False), verified=False)


NEVER_PROVED = Forgetting(
    "accounts.forget_unproved", gettext_lazy("Delete a log-in that was never confirmed"), rows=_never_proved
)
NOT_USED = Forgetting(
    "accounts.forget_unused", gettext_lazy("Delete a log-in that nobody uses"), rows=_not_used
)
ADDRESSES = Forgetting(
    "accounts.forget_addresses",
    gettext_lazy("Delete an e-mail address of a log-in that was never confirmed"),
    rows=_addresses_never_proved,
)
