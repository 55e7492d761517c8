"""Invitations of staff: a mailed link by which a person becomes staff of one organiser."""

from datetime import timedelta

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from ticketshop.lib.areas import LOG_IN
from ticketshop.lib.personal import ADDRESS, Author, DeleteRow, Expiry, not_personal
from ticketshop.lib.values.email_addresses import ModelEmailField

# The mailed link works for so many days; the row is deleted as many days later.
VALID_DAYS, DELETED_DAYS = 7, 7
VALID = timedelta(days=VALID_DAYS)


class StaffInvitation(models.Model):
    """An invitation of an e-mail address as staff of one organiser, in one role.

    ``token_hash`` is set when the mail leaves. The row of an accepted invitation stays until it expires, so that a second click
    on the link finds it.
    """

    organiser = models.ForeignKey(
        "organisers.Organiser", on_delete=models.CASCADE, related_name="+", verbose_name=_("organiser")
    )
    email = ModelEmailField(_("e-mail address"))
    role = models.ForeignKey("auth.Group", on_delete=models.PROTECT, related_name="+", verbose_name=_("role"))
    language = models.CharField(max_length=5, default="en")
    invited_by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        null=True,
        on_delete=models.SET_NULL,
        related_name="+",
        verbose_name=_("invited by"),
    )
    token_hash = models.CharField(max_length=64, null=True, unique=True, editable=False)
    created_at = models.DateTimeField(_("invited"))
    expires_at = models.DateTimeField(_("link valid until"), db_index=True)
    accepted_at = models.DateTimeField(_("accepted"), null=True)

    organiser_path = "organiser"

    class Meta:
        verbose_name = _("invitation of staff")
        verbose_name_plural = _("invitations of staff")
        constraints = [
            models.UniqueConstraint(
                fields=["organiser", "email"],
                condition=Q(accepted_at=None),
                name="staff_invitation_once",
            )
        ]

    class Personal:
        subject = {"email": ADDRESS}
        area = LOG_IN
        expiry = (
            Expiry(
                "accounts.tidy",
                "expires_at",
                DELETED_DAYS,
                promise=_("An invitation to work for an organiser: 14 days."),
            ),
        )
        copy_context = ("created_at", "expires_at", "accepted_at")
        code_labels = {"role": "ticketshop.organisers.role_names.text_of"}
        withheld = {"token_hash": _("guards the link in the e-mail")}
        columns = {
            "email": DeleteRow(),
            "token_hash": DeleteRow(),
            "invited_by": Author(),
            **not_personal("the language of a mail", "language"),
            **not_personal("instants of an invitation", "created_at", "expires_at", "accepted_at"),
        }

    def __str__(self):
        return f"#{self.pk}"
