"""Entry control on a phone: accessible, and no scrolling while people are let in."""

import json
import re
from collections.abc import Iterator

import pytest
import segno
from playwright.sync_api import Page, expect

from tests.browser.steps import sign_in
from tests.browser.test_every_page import look_at
from tests.factories.organisers import make_staff
from tests.sales.door.conftest import Evening, make_evening
from ticketshop.sales.models import CheckIn, Ticket

SMALL_PHONE = {"width": 360, "height": 640}
TOO_TALL = """() => {
  const answer = document.querySelector('#answer');
  return [document.documentElement.scrollHeight > innerHeight, answer.scrollHeight > answer.clientHeight];
}"""


@pytest.fixture
def evening(live_server) -> Iterator[Evening]:
    expect.set_options(timeout=60_000)  # milliseconds; a machine may be busy with something else
    yield make_evening()
    expect.set_options(timeout=None)


def log_in(page: Page, evening: Evening, url: str) -> None:
    sign_in(page, make_staff(evening.pos.organiser, "door"), url)


def type_code(page: Page, code: str, word: str) -> None:
    """Type a code like a hardware scanner, wherever the focus is, and wait for the word of the answer."""
    page.keyboard.type(code)
    page.keyboard.press("Enter")
    expect(page.locator("#answer .word")).to_have_text(word)


@pytest.mark.scenario("DOOR-01")
def test_pages_of_the_door_are_accessible_and_do_not_scroll_on_a_small_phone(evening, browse):
    long_name = {
        "first_name": "Maria-Magdalena Theodora",
        "last_name": "von Hohenlohe-Langenburg-Schillingsfürst",
    }
    (ticket,) = evening.sell(offer=evening.child, holders=[long_name])
    (unpaid,) = evening.sell(paid=False)
    wrong = []
    with browse(viewport=SMALL_PHONE) as page:
        log_in(page, evening, "/door/")
        wrong += look_at(page, "dates")
        page.set_viewport_size(SMALL_PHONE)
        page.get_by_role("link", name=evening.session.event.title).click()
        page.wait_for_url(f"**{evening.url}")
        for name, code, word in (
            ("welcome", ticket.code, "✓ Welcome"),
            ("already in", ticket.code, "✕ Already in"),
            ("unpaid", unpaid.code, "✕ Not paid"),
            ("unknown", "NONSENSE", "✕ Unknown code"),
        ):
            page.set_viewport_size(SMALL_PHONE)
            type_code(page, code, word)
            wrong += [f"{name} scrolls {found}" for found in [page.evaluate(TOO_TALL)] if any(found)]
            if name in {"welcome", "unpaid"}:
                wrong += look_at(page, name)
        page.goto(f"{evening.url}tickets/{ticket.pk}/")
        page.get_by_role("button", name="Undo the entry").click()
        wrong += look_at(page, "ticket with an error")
        page.goto(f"{evening.url}people/?q=hohen")
        wrong += look_at(page, "people")
        page.goto(f"{evening.url}count/")
        wrong += look_at(page, "count")
    assert wrong == []


# A camera that shows a QR code; what the page does with sound and vibration is written down.
PRETENDED = """(matrix) => {
  window.felt = [];
  navigator.vibrate = (pattern) => { window.felt.push(pattern); return true; };
  const canvas = document.createElement('canvas');
  const side = 8;
  canvas.width = canvas.height = (matrix.length + 8) * side;
  const context = canvas.getContext('2d');
  const draw = () => {
    context.fillStyle = '#fff';
    context.fillRect(0, 0, canvas.width, canvas.height);
    context.fillStyle = '#000';
    matrix.forEach((row, y) => row.forEach((dark, x) => {
      if (dark) context.fillRect((x + 4) * side, (y + 4) * side, side, side);
    }));
  };
  setInterval(draw, 50);
  navigator.mediaDevices.getUserMedia = async () => canvas.captureStream(20);
}"""


@pytest.mark.scenario("DOOR-05")
def test_script_stays_on_the_page_and_reads_codes_of_scanner_and_camera(evening, browse):
    typed, filmed = evening.sell(2)
    matrix = [[bool(module) for module in row] for row in segno.make(filmed.code, error="m").matrix]
    with browse(viewport=SMALL_PHONE) as page:
        page.add_init_script(f"({PRETENDED})({json.dumps(matrix)})")
        log_in(page, evening, evening.url)
        page.evaluate("window.same = true")
        page.locator("h1").evaluate("() => document.activeElement.blur()")
        type_code(page, typed.code, "✓ Welcome")
        expect(page.locator("#count")).to_have_text("1 of 2 in")
        type_code(page, typed.code, "✕ Already in")
        page.get_by_role("button", name="Camera").click()
        expect(page.locator("#answer .word")).to_have_text("✓ Welcome")
        expect(page.locator("#count")).to_have_text("2 of 2 in")
        assert page.evaluate("[window.same, window.felt]") == [True, [80, [250, 100, 250], 80]]
        page.get_by_role("button", name="Camera").click()
        expect(page.locator("#camera")).to_be_hidden()
    assert not Ticket.objects.exclude(state="used").exists()


SCAN = """async (codes) => {
  const form = document.querySelector('form.code');
  for (const code of codes) { form.elements.code.value = code; form.requestSubmit(); }
}"""
WAITING = "() => JSON.parse(localStorage.getItem(`door:${document.querySelector('form.code').dataset.session}:queue`)).length"


@pytest.mark.scenario("DOOR-06")
def test_fifty_codes_on_two_devices_without_network_five_on_both(evening, browse):
    codes = [ticket.code for _order in range(5) for ticket in evening.sell(10)]
    (unpaid,) = evening.sell(paid=False)
    with browse(viewport=SMALL_PHONE) as one, browse(viewport=SMALL_PHONE) as other:
        for page in (one, other):
            log_in(page, evening, evening.url)
            page.wait_for_function("() => Object.keys(localStorage).some((name) => name.endsWith(':list'))")
            page.context.set_offline(True)
            expect(page.locator("#net")).to_contain_text("No network.")
        one.evaluate(SCAN, codes[:28])
        other.evaluate(SCAN, codes[23:])
        for page, number in ((one, 28), (other, 27)):
            page.wait_for_function(f"() => ({WAITING})() === {number}")
            expect(page.locator("#answer .word")).to_have_text("✓ Welcome")
        type_code(one, codes[0], "✕ Already in")
        expect(one.locator("#answer .detail")).to_have_text(re.compile(r"at [0-2]\d:\d\d$"))
        type_code(one, unpaid.code, "✕ Not paid")
        type_code(one, "NONSENSE", "✕ Unknown code")
        assert not CheckIn.objects.exists()
        one.context.set_offline(False)
        expect(one.locator("#count")).to_have_text("28 of 50 in")
        # The other device is logged out before its entries were sent: they stay, and go after the next log-in.
        other.context.clear_cookies(name="sessionid")
        other.context.set_offline(False)
        expect(other.locator("#net")).to_contain_text("You are logged out.")
        assert other.evaluate(WAITING) == 27
        log_in(other, evening, evening.url)
        expect(other.locator("#net")).to_contain_text("Let in against the rules: 5.")
        expect(other.locator("#count")).to_have_text("50 of 50 in")
        other.get_by_role("link", name="See which").click()
        expect(other.locator("#conflicts li")).to_have_count(5)
    assert CheckIn.objects.filter(kind="in").count() == 50
    assert CheckIn.objects.filter(kind="conflict", refusal="already_in").count() == 5
