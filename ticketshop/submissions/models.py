"""Forms that were posted after the log-in had ended."""

import uuid

from django.conf import settings
from django.db import models
from django.http import QueryDict
from django.utils.translation import gettext_lazy as _

from ticketshop.lib.areas import LOG_IN
from ticketshop.lib.personal import LOG_IN_SESSION, DeleteRow, Expiry, not_personal


class KeptSubmission(models.Model):
    """The input of a form that was posted after the log-in had ended. Stored for an hour, for the same user and browser."""

    # Stored in the browser's session, so that no other browser finds the row.
    key = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    # The user that was logged in when the page was opened; null for a guest.
    user = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, on_delete=models.CASCADE, related_name="+")
    # Path and query string of the form's URL.
    address = models.TextField()
    # Pairs of name and value; passwords are left out.
    fields = models.JSONField(default=list)
    has_file = models.BooleanField(default=False)
    expires_at = models.DateTimeField(db_index=True)

    class Meta:
        verbose_name = _("form that met the log-in page")
        verbose_name_plural = _("forms that met the log-in page")

    class Personal:
        subject = {"user": LOG_IN_SESSION}
        area = LOG_IN
        expiry = (
            Expiry(
                "sales.tidy",
                "expires_at",
                promise=_(
                    "A form you sent after your log-in had ended: an hour, so that nothing you typed is lost."
                ),
            ),
        )
        labels = {
            "user": _("log-in"), "address": _("page"), "fields": _("as typed"), "expires_at": _("until"),
        }  # fmt: skip
        copy_texts = "ticketshop.submissions.copy_texts.of_form"
        columns = {
            "user": DeleteRow(),
            "address": DeleteRow(),
            "fields": DeleteRow(),
            "expires_at": DeleteRow(),
            **not_personal("random", "key"),
        }

    def __str__(self):
        return str(self.key)

    @property
    def data(self) -> QueryDict:
        """Return the fields as Django forms read them."""
        data = QueryDict(mutable=True)
        for name, value in self.fields:
            data.appendlist(name, value)
        return data
