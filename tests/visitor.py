"""A visitor with a browser without JavaScript: opens pages, fills in the forms on them, and sends them.

Uses Django's test client, or HTTP (for threads, and for a server in another process).
"""

import html
import http.client
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from http.cookies import SimpleCookie
from urllib.parse import urlencode, urljoin, urlsplit

from django.test import Client

from tests.waiting import PATIENCE
from ticketshop.lib.forms import open_forms

MOST_REDIRECTS = 5
_TAG = re.compile(r"""(?i)<(/?)(form|input|select|option|textarea|button)\b((?:[^>"']|"[^"]*"|'[^']*')*)>""")
_ATTRIBUTE = re.compile(r"""([^\s"'>/=]+)(?:\s*=\s*(?:"([^"]*)"|'([^']*)'|([^\s"'>]+)))?""")
_NO_TAGS = re.compile(r"(?is)<(script|style)\b.*?</\1>|<!--.*?-->")
VOID = {"area", "base", "br", "col", "embed", "hr", "img", "input", "link", "meta", "source", "track", "wbr"}


@dataclass
class Form:
    """A form on a page. ``values`` is what it would send unchanged, without a button.

    A name that is sent several times (ticked boxes, a list with several choices) has a list of values.
    """

    method: str
    action: str
    values: dict[str, str | list[str]] = field(default_factory=dict)
    names: set[str] = field(default_factory=set)  # unticked boxes included
    choices: dict[str, list[str]] = field(default_factory=dict)

    def filled(self, values: Mapping[str, object]) -> dict[str, str | list[str]]:
        unknown = set(values) - self.names
        assert not unknown, f"the form has no field {sorted(unknown)}, only {sorted(self.names)}"
        return self.values | {
            name: [str(item) for item in value] if isinstance(value, list) else str(value)
            for name, value in values.items()
        }

    def add(self, name: str, value: str) -> None:
        """Add a value under this name."""
        if name not in self.values:
            self.values[name] = value
        elif isinstance(known := self.values[name], list):
            known.append(value)
        else:
            self.values[name] = [known, value]


def _attributes(text: str) -> dict[str, str]:
    """Return the attributes in a tag; those without a value have an empty one."""
    return {
        name.lower(): html.unescape(double or single or bare)
        for name, double, single, bare in _ATTRIBUTE.findall(text)
    }


def _forms_in(source: str) -> list[Form]:
    """Return the forms of a page. Only their tags are read: Python's HTML parser needs ten times as long for a page of the back office."""
    source = _NO_TAGS.sub("", source)
    forms: list[Form] = []
    is_open, select = False, None
    for match in _TAG.finditer(source):
        end, tag, found = match[1], match[2].lower(), _attributes(match[3])
        if tag == "form":
            is_open = not end
        if end:
            select = None if tag == "select" else select
        elif tag == "form":
            forms.append(Form(found.get("method", "get").lower(), found.get("action", "")))
        elif is_open:
            select = found if tag == "select" else select
            _add_tag(forms[-1], tag, found, select, source[match.end() : source.find("</", match.end())])
    return forms


def _add_tag(form: Form, tag: str, found: dict[str, str], select: dict[str, str] | None, text: str) -> None:
    """Add to a form what one of its tags sends. ``select`` has the attributes of the open list, ``text`` is what follows the tag."""
    name = found.get("name")
    if tag == "option" and select and "name" in select:
        _add_option(form, select, found, text.partition("<")[0])
    if not name:
        return
    form.names.add(name)
    if tag == "select":
        form.choices[name] = []
    elif tag == "textarea":
        # As a browser reads it: a line break right behind the tag is none of the text.
        form.values[name] = html.unescape(text).removeprefix("\n")
    elif tag == "input":
        _add_input(form, name, found)


def _add_input(form: Form, name: str, found: dict[str, str]) -> None:
    kind = found.get("type", "text").lower()
    if kind in {"checkbox", "radio"}:
        form.choices.setdefault(name, []).append(found.get("value", "on"))
        if "checked" in found:
            form.add(name, found.get("value", "on"))
    elif kind == "hidden":
        form.add(name, found.get("value", ""))
    elif kind not in {"submit", "button", "image", "file"}:
        form.values[name] = found.get("value", "")


def _add_option(form: Form, select: dict[str, str], found: dict[str, str], text: str) -> None:
    name = select["name"]
    value = found["value"] if "value" in found else html.unescape(text).strip()
    form.choices[name].append(value)
    if "multiple" in select:
        if "selected" in found:
            form.add(name, value)
    elif "selected" in found or name not in form.values:
        form.values[name] = value


@dataclass
class Page:
    """A response, after its redirects."""

    status: int
    url: str  # path and query
    headers: Mapping[str, str]
    body: bytes

    @property
    def source(self) -> str:
        return self.body.decode()

    @property
    def text(self) -> str:
        """Return the visible text, on one line."""
        main = re.sub(r"(?s)<(script|style|head)\b.*?</\1>|<!--.*?-->|<[^>]*>", " ", self.source)
        return " ".join(html.unescape(main).split())

    @property
    def messages(self) -> list[str]:
        """Return the notices and messages above the content."""
        found = re.findall(
            r'(?s)<(\w+)[^>]*class="[^"]*\b(?:message|notice)\b[^"]*"[^>]*>(.*?)</\1>', self.source
        )
        return [" ".join(html.unescape(re.sub("<[^>]*>", " ", inside)).split()) for _tag, inside in found]

    @property
    def forms(self) -> list[Form]:
        return _forms_in(self.source)

    def form(self, having: str) -> Form:
        """Return the form whose URL, or one of whose fields, matches the regular expression ``having``."""
        for form in self.forms:
            if re.search(having, form.action) or any(re.search(having, name) for name in form.names):
                return form
        raise AssertionError(f"no form with {having!r} on {self.url} ({self.status}): {self.text[:600]}")

    def link(self, words: str) -> str:
        """Return the URL of the link with this text."""
        for address, inside in re.findall(r'(?s)<a\b[^>]*href="([^"]*)"[^>]*>(.*?)</a>', self.source):
            if words in " ".join(html.unescape(re.sub("<[^>]*>", " ", inside)).split()):
                return html.unescape(address)
        raise AssertionError(f"no link “{words}” on {self.url}: {self.text[:600]}")


class Visitor:
    """Opens pages, fills in and sends forms; follows redirects like a browser. ``page`` is the current page."""

    page: Page

    def send(self, method: str, url: str, data: Mapping[str, object] | None = None) -> Page:
        """Send one request without following redirects."""
        raise NotImplementedError

    def open(self, url: str) -> Page:
        return self._follow("GET", url, None)

    def submit(
        self, form: Form, values: Mapping[str, object] = {}, *, button: tuple[str, str] | None = None
    ) -> Page:
        data = form.filled(values) | (dict([button]) if button else {})
        target = urljoin(self.page.url, form.action) if form.action else self.page.url
        target = target.partition("#")[0]
        if form.method == "get":
            return self.open(f"{target.split('?')[0]}?{urlencode(data, doseq=True)}")
        return self._follow("POST", target, data)

    def fill(self, having: str, values: Mapping[str, object] = {}, *, button=None) -> Page:
        """Fill in the form on the current page that matches ``having``, and send it."""
        return self.submit(self.page.form(having), values, button=button)

    def _follow(self, method: str, url: str, data: Mapping[str, object] | None) -> Page:
        page = self.send(method, url, data)
        for _ in range(MOST_REDIRECTS):
            if page.status not in {301, 302, 303}:
                self.page = page
                return page
            parts = urlsplit(urljoin(page.url, page.headers["Location"]))
            page = self.send("GET", parts.path + (f"?{parts.query}" if parts.query else ""))
        raise AssertionError(f"more than {MOST_REDIRECTS} redirects, the last to {page.url}")

    # --- the way to a ticket --------------------------------------------------------------------------

    def add(self, url: str, **quantities: int) -> Page:
        """Open the page of an event or a pass and add to the cart: ``offer_12=2``, ``pass_3=1``."""
        self.open(url)
        return self.fill(
            r"cart/add/", {name.replace("_", "-"): number for name, number in quantities.items()}
        )

    def to_details(self) -> Page:
        return self.fill("^line-", button=("checkout", "1"))

    def give_details(self, *, first_name="Ada", last_name="Lovelace", email=None, holders=()) -> Page:
        form = self.page.form("^buyer-first_name$")
        values: dict[str, object] = {"buyer-first_name": first_name, "buyer-last_name": last_name}
        if email:
            values["buyer-email"] = email
        slots = [
            name.removesuffix("-first_name") for name in form.values if re.match("holder-.*-first_name", name)
        ]
        for slot, (first, last) in zip(slots, holders, strict=False):
            values |= {f"{slot}-first_name": first, f"{slot}-last_name": last}
        return self.submit(form, values)

    def place(self, method: str | None = None) -> Page:
        return self.fill("^content_hash$", {"terms": "on"} | ({"method": method} if method else {}))

    def log_in(self, email: str, password: str, url: str = "/accounts/login/") -> Page:
        self.open(url)
        return self.fill("^login$", {"login": email, "password": password})


class TestClientVisitor(Visitor):
    """Uses Django's test client, in the test's own transaction; CSRF is checked."""

    __test__ = False

    def __init__(self, **headers: str):
        self.client = Client(enforce_csrf_checks=True, headers=headers)

    def send(self, method, url, data=None):
        extra = {"origin": "http://testserver"} if method == "POST" else {}
        answer = self.client.generic(
            method,
            url,
            urlencode(data or {}, doseq=True),
            content_type="application/x-www-form-urlencoded" if method == "POST" else "text/html",
            headers=extra,
        )
        body = b"".join(answer.streaming_content) if answer.streaming else answer.content
        return Page(answer.status_code, url, answer.headers, body)

    def put_in_cart(self, shop: str, **quantities: int) -> None:
        """Send the form of an event or a pass of a shop (``offer_12=2``, ``pass_3=1``) without opening its page, or the cart.

        For tests of what comes later; ``add`` goes the way of a visitor.
        """
        data = {name.replace("_", "-"): number for name, number in quantities.items()}
        page = self.send("POST", f"/{shop}/cart/add/", data | {open_forms.FIELD: open_forms.token()})
        assert page.headers.get("Location") == f"/{shop}/cart/", page.text or page.headers


class HttpVisitor(Visitor):
    """Uses HTTP. ``headers`` are sent with every request, such as those that a proxy adds."""

    def __init__(self, base_url: str, *, timeout: float = PATIENCE, headers: Mapping[str, str] | None = None):
        parts = urlsplit(base_url)
        self.host, self.port, self.timeout = parts.hostname, parts.port, timeout
        self.headers = dict(headers or {})
        self.cookies: dict[str, str] = {}
        self.connection: http.client.HTTPConnection | None = None

    def send(self, method, url, data=None):
        headers = {"Accept": "text/html", "Accept-Language": "en", **self.headers}
        if self.cookies:
            headers["Cookie"] = "; ".join(f"{name}={value}" for name, value in self.cookies.items())
        body = None
        if method == "POST":
            body = urlencode(data or {}, doseq=True)
            headers["Content-Type"] = "application/x-www-form-urlencoded"
            scheme = self.headers.get("X-Forwarded-Proto", "http")
            headers["Origin"] = f"{scheme}://{self.headers.get('Host', f'{self.host}:{self.port}')}"
        connection = self.connection or http.client.HTTPConnection(self.host, self.port, timeout=self.timeout)
        self.connection = None
        try:
            connection.request(method, url, body, headers)
            answer = connection.getresponse()
            content = answer.read()
        except BaseException:
            connection.close()
            raise
        if answer.will_close:
            connection.close()
        else:
            self.connection = connection
        for line in answer.headers.get_all("Set-Cookie", []):
            for name, morsel in SimpleCookie(line).items():
                self.cookies[name] = morsel.value
                if morsel["max-age"] == "0":
                    del self.cookies[name]
        return Page(answer.status, url, answer.headers, content)

    def close(self) -> None:
        if self.connection:
            self.connection.close()
            self.connection = None
