"""The model of a change of dates, with what ticket holders learn about it."""

from django.conf import settings
from django.db import models
from django.utils.translation import gettext_lazy as _

from ticketshop.catalogue.dates import Facts
from ticketshop.catalogue.models import Session
from ticketshop.lib.personal import Author, not_personal
from ticketshop.organisers.models import Organiser

from .order import Order


class DateChange(models.Model):
    """Dates that one *Save* in the back office cancelled, moved or changed, with their facts before."""

    organiser = models.ForeignKey(
        Organiser, on_delete=models.PROTECT, related_name="+", verbose_name=_("organiser")
    )
    sessions = models.ManyToManyField(Session, related_name="changes", verbose_name=_("dates"))
    # Session id, as text -> ``catalogue.dates.Facts`` before the change.
    before = models.JSONField(default=dict)
    # The organiser's message to the people concerned, as typed.
    message = models.TextField(_("message"), blank=True)
    # Whether mails are sent; every page shows the change in any case.
    tell = models.BooleanField(_("people are told"), default=True)
    # Whether the dates were cancelled for good: tickets are cancelled and paid back, unpaid orders end.
    refund = models.BooleanField(_("money is paid back"), default=False)
    made_at = models.DateTimeField(_("changed"))
    made_by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        null=True,
        blank=True,
        on_delete=models.SET_NULL,
        related_name="+",
        verbose_name=_("changed by"),
    )

    # Orders that were never paid, and ended with the date.
    ended = models.ManyToManyField(
        Order, related_name="ended_with", editable=False, verbose_name=_("unpaid orders that ended")
    )

    organiser_path = "organiser"

    class Meta:
        verbose_name = _("change of dates")
        verbose_name_plural = _("changes of dates")

    class Personal:
        columns = {
            "made_by": Author(),
            **not_personal("what an organiser changed and tells everybody", "before", "message", "made_at"),
        }

    def __str__(self):
        return f"{self.made_at:%Y-%m-%d %H:%M}"

    def facts_before(self) -> dict[int, Facts]:
        """Return session id -> its facts before this change."""
        return {int(pk): Facts.from_json(data) for pk, data in self.before.items()}
