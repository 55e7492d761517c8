"""Mails to addresses with non-ASCII letters before the @ (SMTPUTF8, RFC 6531), which Django's mail package does not support."""

import email
import email.policy
import smtplib

from django.conf import settings
from django.core.mail import EmailMessage
from django.core.mail.backends import smtp


def as_bytes(message: EmailMessage) -> bytes:
    """Return a mail as bytes. A non-ASCII address is written as UTF-8 (RFC 6532)."""
    raw = message.message().as_bytes(linesep="\r\n")
    if all(address.isascii() for address in message.recipients()):
        return raw
    parsed = email.message_from_bytes(raw, policy=email.policy.SMTPUTF8)
    del parsed["To"]
    parsed["To"] = ", ".join(message.to)
    return parsed.as_bytes()


class Backend(smtp.EmailBackend):
    """An SMTP backend for a server that supports SMTPUTF8. Other mails are sent as Django sends them."""

    def _send(self, email_message):
        recipients = email_message.recipients()
        if all(address.isascii() for address in recipients):
            return super()._send(email_message)
        self.connection.ehlo_or_helo_if_needed()
        if not self.connection.has_extn("smtputf8"):
            raise smtplib.SMTPNotSupportedError("the mail server takes no addresses beyond ASCII")
        self.connection.sendmail(
            settings.DEFAULT_FROM_EMAIL, recipients, as_bytes(email_message), mail_options=["SMTPUTF8"]
        )
        return True
