"""Append-only events about any row: who, when, what; old and new for settings, never a person's values."""

from django.conf import settings
from django.db import models
from django.utils.translation import gettext_lazy as _

from ticketshop.lib.personal import Author, NotPersonal, not_personal


class Event(models.Model):
    """One thing that happened to one row. Texts are made when shown, from ``action`` and ``details``."""

    at = models.DateTimeField(_("when"))
    # The tenant, as a number: this room stands below organisers.
    organiser_id = models.BigIntegerField(null=True, blank=True)
    model = models.CharField(_("what"), max_length=80)
    object_id = models.CharField(max_length=40)
    action = models.CharField(_("action"), max_length=60)
    by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        null=True,
        blank=True,
        on_delete=models.SET_NULL,
        related_name="+",
        verbose_name=_("who"),
    )
    details = models.JSONField(_("details"), default=dict, blank=True)

    organiser_path = "organiser_id"

    class Meta:
        verbose_name = _("event")
        verbose_name_plural = _("history")
        indexes = [
            models.Index(fields=["model", "object_id", "at"], name="history_of_row"),
            models.Index(fields=["organiser_id", "at"], name="history_of_organiser"),
        ]

    class Personal:
        columns = {
            "by": Author(),
            "details": NotPersonal(
                "states, settings and names of changed columns; a test looks for a person's values after a whole visit"
            ),
            **not_personal(
                "which row and what happened to it", "at", "organiser_id", "model", "object_id", "action"
            ),
        }

    def __str__(self):
        from .texts import action_text  # noqa: PLC0415  it reads this model

        return action_text(self)
