"""The layout of all mails: the shop's colours and logo, buttons as links, a text part with the same content."""

import email
import email.policy
import io
import re
from html import unescape
from uuid import uuid4

import pytest
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from PIL import Image, ImageDraw

from tests.friends import friendly_pos
from tests.mail import examples
from ticketshop.lib import colour
from ticketshop.mail import kinds, layout, mime_messages, plain_text
from ticketshop.organisers import logos

pytestmark = pytest.mark.django_db
BRANDS = ["#8a1c3b", "#ffffff", "#000000", "#ffe600", "#00ff66", "#7f7f7f", "#1d2b9c", "#e8b4d0"]


@pytest.fixture
def pos():
    return friendly_pos(
        name="Théâtre du Lac",
        slug="theatre",
        organiser__name="Théâtre du Lac",
        organiser__legal_name="Fondation du Théâtre du Lac",
        organiser__street="Rue du Lac 3",
        organiser__postcode="1204",
        organiser__city="Genève",
    )


def html_of(letter) -> str:
    return letter.alternatives[0].content


def words_of(html: str) -> list[str]:
    """Return the visible words of the HTML part."""
    shown = re.sub(r"(?s)<head>.*?</head>|<!--.*?-->|<[^>]*>", " ", html)
    return unescape(shown).split()


def test_each_kind_of_mail_has_an_example():
    assert kinds.registered() == examples.kinds()


@pytest.mark.parametrize("kind", examples.kinds())
def test_html_and_text_part_have_the_same_words_and_links_and_load_nothing(kind, pos):
    mail = examples.make(kind, pos)
    for language in ("en", "fr"):
        mail.language = language
        parts_have_the_same_words_and_links(mime_messages.build(mail), language)


def parts_have_the_same_words_and_links(letter, language: str) -> None:
    html = html_of(letter)
    links = re.findall(r'href="([^"]*)"', html)
    assert links
    for link in map(unescape, links):
        assert re.search(rf"(?m){re.escape(link)}$", letter.body), f"{link} is not in the text"
    text = letter.body
    for link in sorted(map(unescape, links), key=len, reverse=True):
        text = text.replace(link, "")
    marks = {"-", "--", ":", "·"}
    words = [word.strip(":") for word in text.split() if word not in marks]
    assert words == [word.strip(":") for word in words_of(html) if word not in marks]
    assert f'<html lang="{language}">' in html
    assert f"<title>{letter.subject}</title>" in unescape(html)
    assert html.count("<h1") == 1
    assert 'alt=""' not in html
    assert len(re.findall("<table", html.split("<body")[1])) == html.count('role="presentation"')
    # The links have words: no bare URL is shown.
    assert not [word for word in words_of(html) if "://" in word or "/links/" in word]
    assert not re.findall(r'(?:src|background|url)\s*[=(]\s*["\']?(?!cid:)\w', html)
    assert "<script" not in html


def test_footer_contains_seller_postal_address_and_privacy_notice(pos):
    letter = mime_messages.build(examples.make("account_unknown", pos))
    footer = letter.body.split("-- \n")[1]
    assert footer.splitlines()[:3] == [
        "Théâtre du Lac",
        "Fondation du Théâtre du Lac",
        "Rue du Lac 3, 1204 Genève",
    ]
    assert "Privacy notice: http://testserver/theatre/about/privacy/\n" in footer
    assert footer.endswith("My data: http://testserver/theatre/data/\n")
    pos.organiser.street = pos.organiser.postcode = ""
    assert layout.postal_address(pos.organiser) == "Genève"


def test_mail_without_a_shop_has_the_name_of_the_site(settings):
    settings.SITE_NAME = "Tickets & Co"
    letter = mime_messages.build(examples.make("account_unknown", None))
    assert letter.body.endswith("-- \nTickets & Co\n")
    assert layout.DEFAULT_COLOUR in html_of(letter)


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("brand", BRANDS)
def test_texts_have_enough_contrast_for_any_brand_colour(brand, scheme):
    look = layout.look(brand)[scheme]
    pairs = [
        ("ink", "card"),
        ("ink", "accent_soft"),
        ("accent", "accent_soft"),
        ("accent", "card"),
        ("accent", "paper"),
        ("muted", "paper"),
        ("on_accent", "accent_fill"),
    ]
    assert {pair: colour.contrast(*(look[name] for name in pair)) >= 4.5 for pair in pairs} == dict.fromkeys(
        pairs, True
    )


# --- logos ---------------------------------------------------------------------------------------------------


def give_logo(pos, colours, ground=(0, 0, 0, 0)) -> None:
    picture = Image.new("RGBA", (900, 300), ground)
    ImageDraw.Draw(picture).rectangle((100, 100, 800, 200), fill=colours)
    written = io.BytesIO()
    picture.save(written, "WEBP", lossless=True)
    # As an upload: a name that no other file has.
    pos.logo = default_storage.save(f"logos/{uuid4().hex}.webp", ContentFile(written.getvalue()))
    pos.save()


@pytest.fixture
def media(settings, tmp_path):
    settings.MEDIA_ROOT = tmp_path


def parsed(letter):
    return email.message_from_bytes(letter.message().as_bytes(), policy=email.policy.default)


def test_logo_is_inline_and_tickets_are_attachments(pos, media):
    give_logo(pos, (20, 20, 60, 255))
    message = parsed(mime_messages.build(examples.make("order_paid", pos)))
    assert message.get_content_type() == "multipart/mixed"
    alternative, tickets = message.iter_parts()
    assert tickets.get_content_type() == "application/pdf"
    text, related = alternative.iter_parts()
    assert (text.get_content_type(), related.get_content_type()) == ("text/plain", "multipart/related")
    html, picture = related.iter_parts()
    assert picture["Content-ID"] == f"<{mime_messages.LOGO_ID}>"
    assert picture.get_content_disposition() == "inline"
    assert f'src="cid:{mime_messages.LOGO_ID}"' in html.get_content()
    assert 'alt="Théâtre du Lac"' in html.get_content()
    shown = Image.open(io.BytesIO(picture.get_content()))
    assert shown.format == "PNG"
    assert shown.height <= 2 * logos.MOST_HEIGHT
    assert shown.width <= 2 * logos.MOST_WIDTH
    assert f'width="{shown.width // 2}"' in html.get_content()


@pytest.mark.parametrize(
    ("of_the_logo", "ground", "plate"),
    [
        ((20, 20, 60, 255), (0, 0, 0, 0), logos.LIGHT_PLATE),
        ((250, 250, 250, 255), (0, 0, 0, 0), logos.DARK_PLATE),
        ((250, 250, 250, 255), (255, 255, 255, 255), logos.LIGHT_PLATE),
    ],
)
def test_logo_is_on_a_plate_with_contrast(pos, media, of_the_logo, ground, plate):
    give_logo(pos, of_the_logo, ground)
    shown = Image.open(io.BytesIO(logos.of(pos).content)).convert("RGB")
    assert shown.getpixel((1, 1)) == plate
    # The middle of the picture is the logo's own colour, as far as 128 colours allow.
    middle = shown.getpixel((shown.width // 2, shown.height // 2))
    assert max(abs(have - want) for have, want in zip(middle, of_the_logo, strict=False)) < 8


def test_missing_or_broken_logo_is_replaced_by_the_name(pos, media):
    give_logo(pos, (20, 20, 60, 255))
    default_storage.delete(pos.logo.name)
    assert logos.of(pos) is None
    default_storage.save(pos.logo.name, ContentFile(b"no picture"))
    letter = mime_messages.build(examples.make("account_unknown", pos))
    assert "cid:" not in html_of(letter)
    assert words_of(html_of(letter))[:3] == ["Théâtre", "du", "Lac"]
    assert parsed(letter).get_content_type() == "multipart/alternative"


# --- the text part -------------------------------------------------------------------------------------------


def test_text_part_is_made_from_paragraphs_lists_cards_and_links():
    html = """<html><head><title>not this</title><style>p {}</style></head><body><!-- nor this -->
    <h1>  Your
      tickets </h1><p>One &amp; <bdi>two</bdi>,<br> three</p>
    <ul> <li>first</li><li><bdi>second</bdi> </li></ul>
    <table class="card"><tr><td><p>Le &lt;Cid&gt;</p> <p>Row\N{NO-BREAK SPACE}3</p></td></tr></table>
    <table class="card"><tr><td><p>Hamlet</p></td></tr></table>
    <table><tr><td><a class="button" href="https://a.example/?x=1&amp;y=2">Open</a></td></tr></table>
    <p>Or <a href="https://b.example/">write</a></p><p><a href="mailto:a@b.example">a@b.example</a></p>
    <table><tr><td class="signature"><p>The shop</p><p>Geneva</p></td></tr></table></body></html>"""
    assert plain_text.text_of(html) == (
        "Your tickets\n\nOne & two,\nthree\n\n- first\n- second\n\nLe <Cid>\nRow\N{NO-BREAK SPACE}3\n\nHamlet\n\n"
        "Open:\nhttps://a.example/?x=1&y=2\n\nOr write: https://b.example/\n\na@b.example\n\n"
        "-- \nThe shop\nGeneva\n"
    )
