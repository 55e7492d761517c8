"""Jobs that delete unused log-ins: those whose e-mail address was never proved, and old ones without a contact."""

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
    """Run the jobs of this module. Return the number of deleted rows."""
    return sum(job.run(now) for job in (NEVER_PROVED, NOT_USED, ADDRESSES))


@dataclass(frozen=True, eq=False)
class LockedTidying(Tidying):
    """A ``Tidying`` that locks the rows and checks the condition again: the owner may be proving the address, or ordering."""

    at_once: int = 200

    @transaction.atomic
    def _delete(self, ids: list, now: datetime) -> int:
        to_lock = self.rows(now).model._base_manager.select_for_update(of=("self",)).filter(pk__in=ids)
        list(to_lock.order_by("pk").values_list("pk"))
        return super()._delete(ids, now)


def _without_contact() -> QuerySet[User]:
    """Return the log-ins that have no contact at any organiser and belong to no staff member."""
    staff = StaffMembership.objects.filter(user=OuterRef("pk"))
    return User.objects.filter(~Exists(staff), contacts=None, is_superuser=False)


def _never_proved(now: datetime) -> QuerySet[User]:
    proved = EmailAddress.objects.filter(user=OuterRef("pk"), verified=True)
    return _without_contact().filter(~Exists(proved), date_joined__lte=now - timedelta(days=UNPROVED_DAYS))


def _not_used(now: datetime) -> QuerySet[User]:
    last = Coalesce("last_login", "date_joined")
    return _without_contact().annotate(last=last).filter(last__lte=now - timedelta(days=365 * UNUSED_YEARS))


def _addresses_never_proved(now: datetime) -> QuerySet[EmailAddress]:
    """Return additional addresses that were never confirmed. The row has no date; the mail with the link has."""
    mailed_lately = Mail.objects.filter(
        kind="account_confirm",
        recipient__iexact=OuterRef("email"),
        created_at__gt=now - timedelta(days=UNPROVED_DAYS),
    )
    proved = EmailAddress.objects.filter(user=OuterRef("user"), verified=True)
    return EmailAddress.objects.filter(
        Exists(proved), ~Exists(mailed_lately), Q(primary=False), verified=False
    )


NEVER_PROVED = LockedTidying(
    "accounts.forget_unproved", gettext_lazy("Delete a log-in that was never confirmed"), rows=_never_proved
)
NOT_USED = LockedTidying(
    "accounts.forget_unused", gettext_lazy("Delete a log-in that nobody uses"), rows=_not_used
)
ADDRESSES = LockedTidying(
    "accounts.forget_addresses",
    gettext_lazy("Delete an e-mail address of a log-in that was never confirmed"),
    rows=_addresses_never_proved,
)
