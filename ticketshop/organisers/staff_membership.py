"""Memberships of staff: which user works for which organiser, in which role."""

from django.conf import settings
from django.db import models
from django.utils.translation import gettext_lazy as _

from ticketshop.lib.personal import Author


class StaffMembership(models.Model):
    """A user as staff of one organiser, in one role. A role is a Django group with its permissions."""

    user = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        on_delete=models.CASCADE,
        related_name="memberships",
        verbose_name=_("log-in"),
    )
    organiser = models.ForeignKey(
        "organisers.Organiser",
        on_delete=models.CASCADE,
        related_name="memberships",
        verbose_name=_("organiser"),
    )
    role = models.ForeignKey("auth.Group", on_delete=models.PROTECT, related_name="+", verbose_name=_("role"))

    organiser_path = "organiser"

    class Meta:
        verbose_name = _("member of staff")
        verbose_name_plural = _("staff")
        constraints = [models.UniqueConstraint(fields=["user", "organiser"], name="membership_once")]
        permissions = [("manage_staff", "Can invite and remove staff")]

    class Personal:
        columns = {"user": Author()}
        code_labels = {"role": "ticketshop.organisers.role_names.text_of"}

    def __str__(self):
        return f"{self.organiser}: {self.role}"
