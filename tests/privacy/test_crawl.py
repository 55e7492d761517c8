"""Crawl all pages that staff, another visitor and a guest can reach: the person is on some before an erasure, on none after."""

import re
from collections import Counter
from html import unescape
from urllib.parse import urldefrag, urljoin

import pytest
from django.test import Client
from django.utils import timezone

from privacy.erasure import erasing
from tests.privacy import scanner
from tests.privacy.scanner import Hit
from tests.privacy.state import State
from tests.staff import BACKEND

pytestmark = [pytest.mark.django_db, pytest.mark.scenario("S06")]

# Pages about nobody, and pages that show what another one shows. `make soak` opens them, too.
LESS = re.compile(
    r"\?|/add/|/accounts/|/about/|/theme/|/admin/organisers/|\d/history/|/admin/.*/(copy|archive|delete)/"
)
EACH = 1  # pages of one kind: another row's page has the same template
# Pages that end the visit or speak another language, and lists in another order.
LEFT_OUT = re.compile(r"/logout/|/i18n/|/media/|/static/|\?o=")
# With it a page is the same, but for its links back.
FILTERS_OF_THE_LIST = re.compile(r"\?_changelist_filters=[^&#]*$")


def crawl(
    client: Client,
    starts: list[str],
    sought: scanner.Needles,
    *,
    enough: int | None = None,
    without: re.Pattern = LEFT_OUT,
) -> tuple[set[Hit], int]:
    """Every page within reach, breadth first; what is found on them, and how many there were.

    ``enough``: end with the page that makes the hits as many. ``without``: more pages that are left out.
    """
    waiting, seen, kinds, found = list(starts), set(starts), Counter(), set()
    folded = [(token.name, scanner.fold(token.value)) for token in sought.tokens]
    while waiting and (enough is None or len(found) < enough):
        url = waiting.pop(0)
        answer = client.get(url)
        assert answer.status_code < 500, url
        body = b"".join(answer.streaming_content) if answer.streaming else answer.content
        # A page packs nothing: as it is read, by everything that can be told from other words.
        text = scanner.fold(unescape(body.decode(errors="replace")))
        found |= {Hit(_kind(url), "", name) for name, value in folded if value in text}
        links = [answer.headers["Location"]] if answer.status_code in (301, 302) else []
        if "html" in answer.headers.get("Content-Type", ""):
            links += [unescape(link) for link in re.findall(r'href="([^"]+)"', body.decode())]
        for link in links:
            target = FILTERS_OF_THE_LIST.sub("", urldefrag(urljoin(url, link)).url)
            left_out = LEFT_OUT.search(target) or without.search(target)
            if not target.startswith("/") or target in seen or left_out or "&" in target:
                continue  # a list by two filters shows rows of the list by one of them
            seen.add(target)
            kinds[_kind(target)] += 1
            if kinds[_kind(target)] <= EACH:
                waiting.append(target)
    return found, sum(min(number, EACH) for number in kinds.values())


def _kind(url: str) -> str:
    """Return the URL without shop and row, so that each kind of page is opened once."""
    path, _mark, query = url.partition("?")
    path = re.sub(r"^/[ab]side\d+/", "/SHOP/", path)
    names = re.sub(r"=[^&]*", "", query)
    return re.sub(r"[A-Z0-9]{4}-[A-Z0-9]{4}/[^/]+", "ORDER", re.sub(r"\d+", "N", path)) + f"?{names}"


def roles(state: State) -> dict[str, tuple[Client, list[str]]]:
    shop = f"/{state.a.pos.slug}/"
    staff, visitor = Client(), Client()
    staff.force_login(state.a.staff, backend=BACKEND)
    visitor.force_login(state.w.person.user)
    lists = [
        f"/admin/{name}/"
        for name in ("contacts/contact", "sales/customer", "sales/order", "sales/ticket", "mail/mail")
    ]
    return {
        "staff": (staff, ["/admin/", *lists]),
        "visitor": (visitor, [shop, f"{shop}account/"]),
        "guest": (Client(), ["/", shop]),
    }


def test_erased_person_is_on_no_page_that_links_lead_to(state):
    """Without the pages of ``LESS``, which ``make soak`` opens, too."""
    check_pages(state, LESS, {"staff": 100, "visitor": 15, "guest": 4})


@pytest.mark.soak
def test_erased_person_is_on_no_page_at_all_that_links_lead_to(state):
    check_pages(state, LEFT_OUT, {"staff": 150, "visitor": 15, "guest": 15})


def check_pages(state: State, without: re.Pattern, least: dict[str, int]) -> None:
    """``least``: for each role a number of pages that there are more than."""
    # W's address contains V's.
    sought = scanner.Needles(token for token in state.v.tokens if token.name != "v address")
    clients = roles(state)
    assert len(crawl(*clients["staff"], sought, enough=11)[0]) > 10, "presence before absence"
    assert crawl(*clients["visitor"], sought, enough=1)[0], "as a friend"
    erasing.erase(state.v.person.contact, by=state.a.staff, now=timezone.now())
    for role, (client, starts) in clients.items():
        found, pages = crawl(client, starts, sought, without=without)
        assert found == set(), role
        assert pages > least[role], role
