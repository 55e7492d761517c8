"""Mails to addresses with non-ASCII letters before the @: sent unchanged if the server supports it, else not sent."""

import smtplib

import pytest
from django.core.mail import EmailMultiAlternatives

from tests.smtp import Postbox
from ticketshop.mail import mailbox, utf8

ADDRESS = "jörg@xn--mnchen-3ya.example"


def send(postbox: Postbox, to: str) -> int:
    backend = utf8.Backend(host="127.0.0.1", port=postbox.port)
    letter = EmailMultiAlternatives("Grüße", "Schöne Grüße", '"Théâtre" <tickets@example.org>', [to])
    letter.attach_alternative("<p>Schöne Grüße</p>", "text/html")
    return backend.send_messages([letter])


def test_server_gets_the_address_unchanged():
    with Postbox(utf8=True) as postbox:
        assert send(postbox, ADDRESS) == 1
        (letter,) = postbox.letters
    assert letter.recipients == [ADDRESS]
    assert str(letter.message["To"]) == ADDRESS
    assert (letter.subject, letter.text.strip()) == ("Grüße", "Schöne Grüße")


def test_server_without_support_gets_no_mail():
    with Postbox() as postbox:
        with pytest.raises(smtplib.SMTPNotSupportedError):
            send(postbox, ADDRESS)
        assert send(postbox, "jorg@example.org") == 1
        assert [letter.recipients for letter in postbox.letters] == [["jorg@example.org"]]


def test_mailbox_of_the_demo_stores_the_address(settings, tmp_path):
    settings.MAILBOX_DIR = tmp_path
    letter = EmailMultiAlternatives("Grüße", "Schöne Grüße", "tickets@example.org", [ADDRESS])
    mailbox.Backend().send_messages([letter])
    for wanted in (ADDRESS, "JÖRG@münchen.example".replace("Ö", "ö"), ""):
        assert [found.to for found in mailbox.read_mails(wanted)] == [ADDRESS]
    assert mailbox.read_mails("jorg@münchen.example") == []
