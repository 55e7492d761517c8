"""History records of any row: who, when, what. Old and new values for settings only, never personal data."""

from django.conf import settings
from django.db import models
from django.utils.translation import gettext_lazy as _

from ticketshop.lib.personal import Author, NotPersonal, not_personal


class Event(models.Model):
    """A history record: a change of one row. Texts are made from ``action`` and ``details`` when it is shown."""

    at = models.DateTimeField(_("when"))
    # Id of the organiser. No foreign key, because ``organisers`` imports this package.
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
