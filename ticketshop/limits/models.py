"""Counters per kind, key and window."""

from django.db import models

from ticketshop.lib.personal import SECURITY, Expiry, Keep, not_personal


class Counter(models.Model):
    """The count of one kind and key in one window. ``key_hash`` is a keyed hash that changes daily."""

    kind = models.CharField(max_length=40)
    key_hash = models.BinaryField(max_length=32)
    window_start = models.DateTimeField()
    expires_at = models.DateTimeField(db_index=True)
    count = models.PositiveIntegerField(default=0)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["kind", "key_hash", "window_start"], name="counter_once")
        ]

    class Personal:
        expiry = (Expiry("sales.tidy", "expires_at"),)
        columns = {
            "key_hash": Keep(SECURITY),
            **not_personal("a count of the shop's own", "kind", "window_start", "expires_at", "count"),
        }

    def __str__(self):
        return f"{self.kind} {self.window_start:%Y-%m-%d %H:%M}"
