"""Every kind of mail in a real window: nothing sticks out on a phone, everything can be read in light and dark."""

import pytest
from django.db import transaction

from tests.browser.accessibility import axe, colours
from tests.browser.conftest import NARROW
from tests.browser.test_every_page import OVERFLOW, TARGETS
from tests.friends import friendly_pos
from tests.mail import examples
from ticketshop.mail import mime_messages

WIDE = {"width": 700, "height": 900}
# A mail is no page: its landmarks are those of the program that shows it.
MAIL = {"rules": {"region": {"enabled": False}, "landmark-one-main": {"enabled": False}}}


@pytest.mark.parametrize(("colour", "only_colours"), [("#8a1c3b", False), ("#ffe600", True)])
def test_mails_fit_a_phone_and_can_be_read_in_light_and_dark(colour, only_colours, browse):
    """With the second colour of a shop nothing differs but colours."""
    pos = friendly_pos(
        name="Théâtre du Lac – saison Wolfeschlegelsteinhausenbergerdorffer", accent_colour=colour
    )
    wrong = []
    with browse() as page:
        for kind in examples.kinds():
            language = "fr" if kind < "l" else "en"
            with transaction.atomic():
                letter = mime_messages.build(examples.make(kind, pos, language))
                transaction.set_rollback(True)  # the next kind may need the same people
            page.set_viewport_size(WIDE)
            page.set_content(letter.alternatives[0].content)
            wrong += [f"{kind}: {fault}" for fault in colours(page)]
            page.emulate_media(color_scheme="dark")
            wrong += [f"{kind}, dark: {fault}" for fault in colours(page)]
            page.emulate_media(color_scheme="light")
            if only_colours:
                continue
            wrong += [f"{kind}: {fault}" for fault in axe(page, MAIL)]
            page.set_viewport_size(NARROW)
            wrong += [f"{kind}, 320 px wide, sticks out: {fault}" for fault in page.evaluate(OVERFLOW)]
            wrong += [f"{kind}, too small to hit: {fault}" for fault in page.evaluate(TARGETS % 24)]
    assert wrong == []
