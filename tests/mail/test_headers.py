"""Mail headers with typed text: mail servers accept them, and the reader sees the text as typed."""

import email
import email.policy
from email.header import decode_header, make_header
from email.utils import parseaddr

import pytest
from django.conf import settings as django_settings

from tests.factories.organisers import PointOfSaleFactory
from tests.mail import examples
from tests.smtp import Postbox
from ticketshop.mail import mime_messages, tasks

pytestmark = pytest.mark.django_db(transaction=True)

NAMES = [
    "Théâtre du Lac",
    "Backslash \\",
    "\\",
    'The "Globe", Ltd.',
    '"',
    "Lake, Hall; Stage: <one> (two) @ three",
    "劇場" * 60,
    "نادي المسرح",
    "Ballet 🩰",
    "O’Brien & Sons",
    "x" * 120,
]


@pytest.fixture
def postbox(settings):
    with Postbox() as box:
        settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
        settings.EMAIL_HOST, settings.EMAIL_PORT = "127.0.0.1", box.port
        settings.EMAIL_HOST_USER = settings.EMAIL_HOST_PASSWORD = ""
        yield box


def shown_name(raw: bytes) -> str:
    """The name before the address, as mail programs show it: Python's newer parser leaves spaces in long names."""
    coded, _address = parseaddr(email.message_from_bytes(raw)["From"])
    return str(make_header(decode_header(coded)))


@pytest.mark.parametrize("name", NAMES)
def test_name_of_the_shop_is_a_valid_sender(postbox, name):
    mail = examples.make("account_unknown", PointOfSaleFactory(email_sender_name=name))
    tasks.send(mail.pk)
    (letter,) = postbox.letters
    (sender,) = letter.message["From"].addresses
    assert sender.addr_spec == django_settings.DEFAULT_FROM_EMAIL
    assert not letter.message["From"].defects
    assert shown_name(letter.raw) == name


@pytest.mark.parametrize("name", NAMES)
def test_subject_contains_a_long_name_in_valid_lines(name):
    letter = mime_messages.build(examples.make("account_unknown", PointOfSaleFactory(name=name)))
    raw = letter.message().as_bytes()
    assert max(map(len, raw.split(b"\n\n")[0].split(b"\n"))) <= 998
    parsed = email.message_from_bytes(raw, policy=email.policy.default)
    assert str(parsed["Subject"]).strip() == letter.subject
    assert name in letter.subject


def test_control_characters_of_a_name_do_not_reach_headers():
    pos = PointOfSaleFactory(name="Shop\x0b\r\nBcc: eve@example.org\u202e\x85\u2028")
    letter = mime_messages.build(examples.make("account_unknown", pos))
    message = email.message_from_bytes(letter.message().as_bytes(), policy=email.policy.default)
    assert message["Bcc"] is None
    assert message["From"].addresses[0].display_name == "Shop Bcc: eve@example.org"
    assert str(message["Subject"]).endswith("Shop Bcc: eve@example.org")


def test_reply_to_accepts_an_internationalised_domain():
    pos = PointOfSaleFactory(email_sender_address="box@théâtre.example")
    letter = mime_messages.build(examples.make("account_unknown", pos))
    message = email.message_from_bytes(letter.message().as_bytes(), policy=email.policy.default)
    assert message["Reply-To"].addresses[0].addr_spec == "box@xn--thtre-4qa2c.example"
