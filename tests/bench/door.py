"""Entry control: three devices at one date, 250 codes each, posted as a page without scripts posts them.

Each device has its own log-in session. An entry is a request that checks the log-in, changes the ticket, writes the entry and
counts the people in.
"""

import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

from .load import Browser, Meter
from .report import Table, ms

DEVICES, ENTRIES, WARM = 3, 250, 10
MOST_MS = 15


def measure(table: Table, shop: dict, port: int, meter: Callable[[], Meter]) -> None:
    """Let all people in and print what an entry costs."""
    codes = iter(shop["door_codes"])
    devices = []
    for number, (cookies, token) in enumerate(shop["door_devices"]):
        browser = Browser(port, 60_000 + number)
        browser.cookies = dict(cookies)
        devices.append((browser, token, [next(codes) for _code in range(WARM + ENTRIES)]))

    def enter(browser: Browser, token: str, own: list[str]) -> None:
        for code in own:
            answer = browser.send(shop["door"], {"csrfmiddlewaretoken": token, "code": code, "gate": ""})
            assert "answer good" in answer.text, answer.text

    for browser, token, own in devices:
        enter(browser, token, own[:WARM])
    begin = time.monotonic()
    with meter() as one, ThreadPoolExecutor(DEVICES) as pool:
        list(pool.map(lambda device: enter(*device[:2], device[2][WARM:]), devices))
    took = time.monotonic() - begin
    for browser, _token, _codes in devices:
        browser.close()
    count = DEVICES * ENTRIES
    cost = one.cost(count)
    table.cost(
        f"entry at the door, {DEVICES} devices, {ENTRIES} each",
        cost,
        "plain" if table.plain else "",
        f"{MOST_MS} ms",
        extra=f"; one waits {ms(took * DEVICES / count)}",
    )
