"""The mails about one's own data. The links are made when they leave: none lies in a queue."""

from django.conf import settings
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from ticketshop.lib.text import normalise_email
from ticketshop.mail.kinds import Content, register
from ticketshop.mail.models import Mail

from . import asking
from .models import Erasure


def _url(mail: Mail, name: str, *args: str) -> str:
    return settings.BASE_URL + reverse(name, args=[mail.point_of_sale.slug, *args])


@register("data_link", _("Link to one’s own data"))
def data_link(mail: Mail) -> Content:
    """To whoever typed their address: the link to what is known under it, or that nothing is."""
    organiser = mail.point_of_sale.organiser
    known = asking.of_mailbox(organiser, mail.recipient).exists()
    url = ""
    if known:
        url = _url(mail, "data:open", asking.new_proof(organiser, mail.recipient, timezone.now()))
    return Content({"organiser": organiser, "known": known, "url": url})


@register("data_delete", _("Confirm the request to be forgotten"))
def data_delete(mail: Mail) -> Content | None:
    """To the address on file: the link that confirms. Nothing to tell once it is confirmed or over."""
    erasure = (
        Erasure.objects.filter(
            pk=mail.about["erasure"], state=Erasure.State.REQUESTED, token_expires_at__gt=timezone.now()
        )
        .select_related("contact__user", "organiser")
        .first()
    )
    if erasure is None or mail.recipient != normalise_email(asking.address_of(erasure.contact)):
        return None
    url = _url(mail, "data:confirm", asking.new_token(erasure))
    return Content({"organiser": erasure.organiser, "url": url, "days": asking.TO_CONFIRM.days})


@register("data_asked", _("Somebody asks to be forgotten"))
def data_asked(mail: Mail) -> Content | None:
    """To staff who may answer: the number of the request, and nothing of the person. Nothing once it is begun."""
    erasure = Erasure.objects.filter(pk=mail.about["erasure"], state=Erasure.State.CONFIRMED).first()
    if erasure is None:
        return None
    url = settings.BASE_URL + reverse("admin:privacy_erasure_change", args=[erasure.pk])
    return Content({"erasure": erasure, "url": url})
