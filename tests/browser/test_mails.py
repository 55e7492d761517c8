"""Every kind of mail in a real window: nothing sticks out on a phone, everything can be read in light and dark."""

import re

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
# What gives an element of a mail its colours.
LOOKS = re.compile(r'(?:class|style|bgcolor)="[^"]*"')


def test_mails_fit_a_phone_and_can_be_read_in_light_and_dark(browse):
    pos = friendly_pos(name="Théâtre du Lac – saison Wolfeschlegelsteinhausenbergerdorffer")
    wrong, shown = [], set()
    with browse() as page:
        for kind in examples.kinds():
            with transaction.atomic():
                mail = examples.make(kind, pos, "fr" if kind < "l" else "en")
                htmls = [html_of(mail, ACCENTS[0])]
                if new := set(LOOKS.findall(htmls[0])) - shown:
                    shown |= new
                    htmls.append(html_of(mail, ACCENTS[1]))
                transaction.set_rollback(True)  # the next kind may need the same people
            page.set_viewport_size(WIDE)
            for accent, html in zip(ACCENTS, htmls, strict=False):
                page.set_content(html)
                wrong += [f"{kind}, {accent}: {fault}" for fault in colours(page)]
                page.emulate_media(color_scheme="dark")
                wrong += [f"{kind}, {accent}, dark: {fault}" for fault in colours(page)]
                page.emulate_media(color_scheme="light")
            wrong += [f"{kind}: {fault}" for fault in axe(page, MAIL)]
            page.set_viewport_size(NARROW)
            wrong += [f"{kind}, 320 px wide, sticks out: {fault}" for fault in page.evaluate(OVERFLOW)]
            wrong += [f"{kind}, too small to hit: {fault}" for fault in page.evaluate(TARGETS % 24)]
    assert wrong == []


def html_of(mail: Mail, accent: str) -> str:
    """Return the HTML part of a mail of its shop with this colour."""
    mail.point_of_sale.accent_colour = accent
    return mime_messages.build(mail).alternatives[0].content
