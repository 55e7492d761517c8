"""Terms of sale in versions: each change makes a frozen copy, so that an order can refer to what its buyer accepted."""

from datetime import datetime

from django.conf import settings
from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from ticketshop.lib.forms import json_hash
from ticketshop.lib.personal import not_personal
from ticketshop.lib.translated import StandIn


class TermsVersion(models.Model):
    """The terms of sale of a shop as they were from ``published_at`` on. A trigger of the database refuses changes.

    ``texts``: language -> markdown, for languages with a text.
    """

    point_of_sale = models.ForeignKey(
        "organisers.PointOfSale", on_delete=models.PROTECT, related_name="terms_versions"
    )
    number = models.PositiveIntegerField(_("version"))
    texts = models.JSONField(_("terms of sale"))
    texts_hash = models.CharField(max_length=64, editable=False)
    published_at = models.DateTimeField(_("published"))

    organiser_path = "point_of_sale__organiser"

    class Meta:
        verbose_name = _("version of the terms of sale")
        verbose_name_plural = _("versions of the terms of sale")
        constraints = [
            models.UniqueConstraint(fields=["point_of_sale", "number"], name="terms_version_once"),
        ]

    class Personal:
        columns = not_personal("the organiser's own text", "number", "texts", "texts_hash", "published_at")

    def __str__(self):
        return f"{self.number}"

    def text_in(self, language: str) -> str:
        """Return the text that a visitor reading ``language`` saw: a ``StandIn`` if it is in another language."""
        languages = [language, *self.point_of_sale.organiser.languages, *sorted(self.texts)]
        found = next((code for code in languages if code in self.texts), language)
        text = self.texts.get(found, "")
        return text if found == language else StandIn(text, found)


def texts_of(pos) -> dict[str, str]:
    """Return language -> terms of a shop, for languages with a text."""
    texts = {code: getattr(pos, f"terms_{code}") or "" for code, _name in settings.CONTENT_LANGUAGES}
    return {code: text for code, text in texts.items() if text.strip()}


def new_version(pos, texts: dict[str, str], latest: TermsVersion | None, at: datetime) -> TermsVersion | None:
    """Return a new version, not saved yet, that follows ``latest``. ``texts``: the terms of the shop, language -> markdown.

    None if there are no texts, or if ``latest`` has the same ones.
    """
    texts_hash = json_hash.of(texts)
    if not texts or (latest and latest.texts_hash == texts_hash):
        return None
    number = latest.number + 1 if latest else 1
    return TermsVersion(point_of_sale=pos, number=number, texts=texts, texts_hash=texts_hash, published_at=at)


def publish(pos, at: datetime | None = None) -> None:
    """Make a version of the shop's terms, published ``at`` or now, if they differ from the latest one.

    The row of the shop is locked. ``pos.terms_version`` becomes that version, or None without terms.
    """
    version = None
    if texts := texts_of(pos):
        version = TermsVersion.objects.filter(point_of_sale=pos).order_by("-number").first()
        if new := new_version(pos, texts, version, at or timezone.now()):
            new.save()
            version = new
    if pos.terms_version_id != (version.pk if version else None):
        type(pos)._base_manager.filter(pk=pos.pk).update(terms_version=version)
        pos.terms_version = version
