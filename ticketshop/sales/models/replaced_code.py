"""Codes of tickets and passes that were replaced by another code: they let nobody in any more."""

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from ticketshop.lib.personal import Author, not_personal

from .admission import IssuedPass, Ticket
from .order import Order


class ReplacedCode(models.Model):
    """A code that was printed once. The entrance answers “replaced”.

    ``ticket`` or ``issued_pass``: which had the code. After ``NEW_CODE`` and ``GIVEN`` it has another code now; after ``EXCHANGED``
    it is cancelled, and other tickets of its order take its place.
    """

    class Reason(models.TextChoices):
        NEW_CODE = "new_code", _("lost or stolen: has a new code")
        EXCHANGED = "exchanged", _("exchanged")
        GIVEN = "given", _("given to somebody else")

    order = models.ForeignKey(
        Order, on_delete=models.PROTECT, related_name="replaced_codes", verbose_name=_("order")
    )
    code = models.CharField(_("code"), max_length=40, unique=True, editable=False)
    ticket = models.ForeignKey(
        Ticket, null=True, blank=True, on_delete=models.PROTECT, related_name="replaced_codes"
    )
    issued_pass = models.ForeignKey(
        IssuedPass, null=True, blank=True, on_delete=models.PROTECT, related_name="replaced_codes"
    )
    reason = models.CharField(_("reason"), max_length=10, choices=Reason)
    replaced_at = models.DateTimeField(_("replaced"))
    replaced_by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        null=True,
        blank=True,
        on_delete=models.SET_NULL,
        related_name="+",
        verbose_name=_("replaced by"),
    )

    organiser_path = "order__organiser"

    class Meta:
        verbose_name = _("replaced code")
        verbose_name_plural = _("replaced codes")
        constraints = [
            models.CheckConstraint(
                condition=Q(ticket__isnull=False, issued_pass=None)
                | Q(ticket=None, issued_pass__isnull=False),
                name="replacedcode_one_admission",
            )
        ]

    class Personal:
        columns = {
            "replaced_by": Author(),
            **not_personal("random, and lets nobody in any more", "code"),
            **not_personal(
                "what happened to a code, and when; the person is on the ticket", "reason", "replaced_at"
            ),
        }

    def __str__(self):
        return self.code[:8]

    @property
    def admission(self) -> Ticket | IssuedPass:
        """Return the ticket or pass that had the code."""
        return self.ticket or self.issued_pass
