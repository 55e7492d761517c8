"""Venues, and allotments: the numbers of places that are sold."""

from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _

from ticketshop.lib.personal import not_personal
from ticketshop.organisers.models import Organiser


class Venue(models.Model):
    """A place where events happen."""

    organiser = models.ForeignKey(
        Organiser, on_delete=models.PROTECT, related_name="venues", verbose_name=_("organiser")
    )
    name = models.CharField(_("name"), max_length=120)
    street = models.CharField(_("street"), max_length=160, blank=True)
    postcode = models.CharField(_("postcode"), max_length=12, blank=True)
    city = models.CharField(_("town"), max_length=80, blank=True)

    organiser_path = "organiser"

    class Meta:
        verbose_name = _("venue")
        verbose_name_plural = _("venues")
        constraints = [
            # Composite keys elsewhere point here, so that two rows share the organiser.
            models.UniqueConstraint(fields=["organiser", "id"], name="venue_in_organiser"),
        ]

    class Personal:
        columns = not_personal("a place open to the public", "name", "street", "postcode", "city")

    def __str__(self):
        return self.name


class Allotment(models.Model):
    """A number of places shared by tariffs of a session, or by passes. ``places`` keeps it from being oversold."""

    organiser = models.ForeignKey(
        Organiser, on_delete=models.PROTECT, related_name="+", verbose_name=_("organiser")
    )
    name = models.CharField(_("name"), max_length=160)
    capacity = models.PositiveIntegerField(_("places"))
    sold = models.PositiveIntegerField(_("sold"), default=0, editable=False)

    organiser_path = "organiser"

    class Meta:
        verbose_name = _("allotment")
        verbose_name_plural = _("allotments")
        constraints = [
            models.CheckConstraint(
                condition=Q(sold__gte=0) & Q(sold__lte=F("capacity")), name="allotment_never_oversold"
            ),
            models.UniqueConstraint(fields=["organiser", "id"], name="allotment_in_organiser"),
        ]

    class Personal:
        columns = not_personal("a number of places", "name", "capacity", "sold")

    def __str__(self):
        return self.name


class Hold(models.Model):
    """Places of an allotment kept for a cart until an instant of the database's clock. Later the hold does not count."""

    allotment = models.ForeignKey(Allotment, on_delete=models.CASCADE, related_name="holds")
    # The key of the cart. This package does not read what it stands for.
    key = models.UUIDField()
    places = models.PositiveIntegerField()
    expires_at = models.DateTimeField()

    class Meta:
        verbose_name = _("hold")
        verbose_name_plural = _("holds")
        constraints = [
            models.UniqueConstraint(fields=["key", "allotment"], name="hold_once"),
            models.CheckConstraint(condition=Q(places__gt=0), name="hold_has_places"),
        ]
        indexes = [
            models.Index(fields=["allotment", "expires_at"], name="hold_by_allotment"),
            models.Index(fields=["expires_at"], name="hold_expired"),
        ]

    class Personal:
        columns = not_personal("a number of places kept for a cart", "key", "places", "expires_at")

    def __str__(self):
        return f"{self.places} until {self.expires_at:%H:%M:%S}"
