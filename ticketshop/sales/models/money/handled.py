"""The columns of rows that staff note as dealt with."""

from django.conf import settings
from django.db import models
from django.utils.translation import gettext_lazy as _


class Handled(models.Model):
    """Abstract base of rows that staff deal with: when, and by whom. Null while a row is open."""

    handled_at = models.DateTimeField(_("dealt with"), null=True, blank=True)
    handled_by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        null=True,
        blank=True,
        on_delete=models.SET_NULL,
        related_name="+",
        verbose_name=_("dealt with by"),
    )

    class Meta:
        abstract = True
