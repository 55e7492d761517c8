"""Build the message of a mail just before it is sent, in its language and its organiser's time zone."""

from email.mime.base import MIMEBase
from email.mime.image import MIMEImage
from email.utils import quote
from zoneinfo import ZoneInfo

from django.conf import settings
from django.core.mail import EmailMultiAlternatives
from django.core.mail.message import SafeMIMEMultipart
from django.template.loader import render_to_string
from django.utils import timezone, translation
from django.utils.translation import gettext as _

from ticketshop.lib.values.text import normalise_line
from ticketshop.organisers import logos

from . import kinds, layout, plain_text
from .models import Mail

LOGO_ID = "logo"  # the Content-ID that base.html names


class MimeMessage(EmailMultiAlternatives):
    """A message with inline pictures.

    A picture with a Content-ID is placed beside the HTML part (multipart/related). As an ordinary attachment Apple Mail and
    Thunderbird would show it a second time below the text. The backends of mail providers find it in ``attachments``.
    """

    def attach_picture(self, content: bytes, content_id: str) -> None:
        """Attach a PNG that the HTML part shows as ``cid:<content_id>``."""
        picture = MIMEImage(content, "png")
        picture.add_header("Content-ID", f"<{content_id}>")
        picture.add_header("Content-Disposition", "inline", filename=f"{content_id}.png")
        self.attach(picture)

    def _create_message(self, msg):
        pictures = [part for part in self.attachments if isinstance(part, MIMEBase) and part["Content-ID"]]
        if not pictures:
            return super()._create_message(msg)
        alternatives = self._create_alternatives(msg)
        html = alternatives.get_payload()[-1]
        related = SafeMIMEMultipart(_subtype="related", encoding=settings.DEFAULT_CHARSET)
        for part in (html, *pictures):
            related.attach(part)
        alternatives.set_payload([*alternatives.get_payload()[:-1], related])
        files, self.attachments = (
            self.attachments,
            [part for part in self.attachments if part not in pictures],
        )
        try:
            return self._create_attachments(alternatives)
        finally:
            self.attachments = files


def build(mail: Mail) -> EmailMultiAlternatives | None:
    """Return the message of a mail, in its language and its organiser's time zone; None if there is nothing to send."""
    pos = mail.point_of_sale
    zone = ZoneInfo(pos.organiser.time_zone) if pos else ZoneInfo(settings.TIME_ZONE)
    with translation.override(mail.language), timezone.override(zone):
        content = kinds.builder(mail.kind)(mail)
        if content is None:
            return None
        logo = logos.of(pos)
        context = {
            "pos": pos,
            "base_url": settings.BASE_URL,
            "site_name": settings.SITE_NAME,
            "look": layout.look_of(pos),
            "logo": logo,
            "logo_id": LOGO_ID,
            "postal_address": layout.postal_address(pos.organiser) if pos else "",
            **content.context,
        }
        subject = normalise_line(render_to_string(f"emails/{mail.kind}.subject.txt", context))
        if pos and pos.in_trial:
            subject = _("[Test] %(subject)s") % {"subject": subject}
        html = render_to_string(f"emails/{mail.kind}.html", {**context, "subject": subject})
        message = MimeMessage(
            subject=subject,
            body=plain_text.text_of(html),
            from_email=sender(pos),
            to=[mail.recipient],
            reply_to=[pos.email_sender_address] if pos and pos.email_sender_address else None,
            # The same id at a second attempt, so that mail servers can recognise a duplicate.
            headers={
                "Message-ID": f"<mail-{mail.pk}-{mail.created_at:%Y%m%d%H%M%S%f}@{_host()}>",
                "Auto-Submitted": "auto-generated",
                "Content-Language": mail.language,
            },
        )
        message.attach_alternative(html, "text/html")
        if logo:
            message.attach_picture(logo.content, LOGO_ID)
        for content_id, picture in content.pictures.items():
            message.attach_picture(picture, content_id)
        for name, data, mime_type in content.attachments:
            message.attach(name, data, mime_type)
        return message


def sender(pos) -> str:
    """Return the From header: the name of the shop and the installation's own address, which mail servers accept."""
    name = normalise_line((pos.email_sender_name or pos.name) if pos else settings.SITE_NAME)
    return f'"{quote(name)}" <{settings.DEFAULT_FROM_EMAIL}>'


def _host() -> str:
    return settings.DEFAULT_FROM_EMAIL.rpartition("@")[2]
