"""Every kind of mail in a real window: nothing sticks out on a phone, everything can be read in light and dark."""

import re
from itertools import pairwise

import pytest
from django.db import transaction

from tests.browser.accessibility import axe, colours
from tests.browser.conftest import NARROW
from tests.browser.test_every_page import OVERFLOW, TARGETS
from tests.friends import friendly_pos
from tests.mail import examples
from ticketshop.mail import mime_messages
from ticketshop.mail.models import Mail

WIDE = {"width": 700, "height": 900}
# A mail is no page: its landmarks are those of the program that shows it.
MAIL = {"rules": {"region": {"enabled": False}, "landmark-one-main": {"enabled": False}}}


# Of a shop. With the second one nothing differs but colours: it is looked at where a part is new.
ACCENTS = ("#8a1c3b", "#ffe600")
# An element of a mail with what gives it its looks; its texts and addresses are of no matter here.
ELEMENT = re.compile(r"<\w[^>]*>")
CONTENT = re.compile(r' (?:href|src|title|alt|lang|aria-label)="[^"]*"')


def elements(html: str) -> set[str]:
    """Return the different elements of a mail, each with the one that begins before it, without their contents."""
    tags = [CONTENT.sub("", tag) for tag in ELEMENT.findall(html)]
    return {f"{before} {tag}" for before, tag in pairwise(tags)}


@pytest.mark.parametrize("everything", [False, pytest.param(True, marks=pytest.mark.soak)])
def test_mails_fit_a_phone_and_can_be_read_in_light_and_dark(everything, browse):
    """All kinds are measured on a phone. `make test` looks with axe and at colours where a mail has a part that none before it has."""
    pos = friendly_pos(name="Théâtre du Lac – saison Wolfeschlegelsteinhausenbergerdorffer")
    wrong, shown, new = [], set(), set()
    with browse() as page:
        for kind in examples.kinds():
            with transaction.atomic():
                mail = examples.make(kind, pos, "fr" if kind < "l" else "en")
                htmls = [html_of(mail, ACCENTS[0])]
                if new := elements(htmls[0]) - shown:
                    shown |= new
                    htmls.append(html_of(mail, ACCENTS[1]))
                transaction.set_rollback(True)  # the next kind may need the same people
            if new or everything:
                page.set_viewport_size(WIDE)
                for accent, html in zip(ACCENTS, htmls, strict=False):
                    page.set_content(html)
                    wrong += [f"{kind}, {accent}: {fault}" for fault in colours(page)]
                    page.emulate_media(color_scheme="dark")
                    wrong += [f"{kind}, {accent}, dark: {fault}" for fault in colours(page)]
                    page.emulate_media(color_scheme="light")
                wrong += [f"{kind}: {fault}" for fault in axe(page, MAIL)]
                page.set_viewport_size(NARROW)
            else:
                page.set_content(htmls[0])
            wrong += [f"{kind}, 320 px wide, sticks out: {fault}" for fault in page.evaluate(OVERFLOW)]
            wrong += [f"{kind}, too small to hit: {fault}" for fault in page.evaluate(TARGETS % 24)]
    assert wrong == []


def html_of(mail: Mail, accent: str) -> str:
    """Return the HTML part of a mail of its shop with this colour."""
    mail.point_of_sale.accent_colour = accent
    return mime_messages.build(mail).alternatives[0].content
