"""A mail as it leaves: rendered at the last moment, in its language and its organiser's time zone."""

from zoneinfo import ZoneInfo

from django.conf import settings
from django.core.mail import EmailMultiAlternatives
from django.template.loader import render_to_string
from django.utils import timezone, translation

from . import kinds
from .models import Mail


def message(mail: Mail) -> EmailMultiAlternatives | None:
    """The mail as it leaves now, in its language and its organiser's time zone; None if there is nothing to tell."""
    pos = mail.point_of_sale
    zone = ZoneInfo(pos.organiser.time_zone) if pos else ZoneInfo(settings.TIME_ZONE)
    with translation.override(mail.language), timezone.override(zone):
        content = kinds.builder(mail.kind)(mail)
        if content is None:
            return None
        context = {
            "pos": pos,
            "base_url": settings.BASE_URL,
            "site_name": settings.SITE_NAME,
            **content.context,
        }
        subject = " ".join(render_to_string(f"emails/{mail.kind}.subject.txt", context).split())
        letter = EmailMultiAlternatives(
            subject=subject,
            body=render_to_string(f"emails/{mail.kind}.txt", context),
            from_email=sender(pos),
            to=[mail.recipient],
            reply_to=[pos.email_sender_address] if pos and pos.email_sender_address else None,
            # The same id on a second try: a mail server that got both can tell.
            headers={
                "Message-ID": f"<mail-{mail.pk}-{mail.created_at:%Y%m%d%H%M%S%f}@{_host()}>",
                "Auto-Submitted": "auto-generated",
            },
        )
        letter.attach_alternative(render_to_string(f"emails/{mail.kind}.html", context), "text/html")
        for name, data, mime_type in content.attachments:
            letter.attach(name, data, mime_type)
        return letter


def sender(pos) -> str:
    """From: the shop's name, our own address (so that mail servers accept it)."""
    name = (pos.email_sender_name or pos.name) if pos else settings.SITE_NAME
    quoted = name.replace('"', "'").replace("\r", " ").replace("\n", " ")
    return f'"{quoted}" <{settings.DEFAULT_FROM_EMAIL}>'


def _host() -> str:
    return settings.DEFAULT_FROM_EMAIL.rpartition("@")[2]
