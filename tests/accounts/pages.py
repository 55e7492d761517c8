"""Helpers for the pages of friends and family, used by a visitor without JavaScript."""

import html
import re

from django.utils.crypto import get_random_string

from contacts.models import Contact, ContactLink
from tests.visitor import Page, TestClientVisitor

ACCOUNT = "/theatre/account/"
LIST, NEW = f"{ACCOUNT}friends-and-family/", f"{ACCOUNT}friends-and-family/new/"
TYPED = {"email": "bob@example.org", "last_name": "Miller", "first_name": "Bob"}
CSRF_COOKIE_NAME = "csrftoken"
M1 = "Bob Miller has been added to your friends and family."
M2 = "This e-mail address is already in use and does not match the name you entered."


def browser_of(contact: Contact) -> TestClientVisitor:
    browser = TestClientVisitor()
    browser.client.force_login(contact.user)
    return browser


def submit(visitor, **typed) -> Page:
    """Open the page that adds a person, fill it in and send it."""
    visitor.open(NEW)
    return visitor.fill("^email$", TYPED | typed)


def errors_of(page: Page) -> dict[str, str]:
    """Return field name -> error message at the field, as bound to it by ``aria-describedby``."""
    found = {}
    for tag in re.findall(r"<input[^>]*aria-invalid=\"true\"[^>]*>", page.source):
        name = re.search(r'name="([^"]*)"', tag)[1]
        for described in re.search(r'aria-describedby="([^"]*)"', tag)[1].split():
            text = re.search(rf'(?s)id="{described}"[^>]*>(.*?)</ul>', page.source)
            if described.endswith("_error") and text:
                found[name] = html.unescape(" ".join(re.sub("<[^>]*>", " ", text[1]).split()))
    return found


def rows(page: Page) -> str:
    """Return the text of the list of people on the page."""
    return " ".join(re.findall(r'(?s)<ul class="list">.*?</ul>', page.source))


def neutral(page: Page) -> str:
    """Return a page without its variable parts: form tokens, keys of rows, and its URL."""
    source = page.source.replace(f'"{page.url}"', '"HERE"')
    source = re.sub(r'name="(csrfmiddlewaretoken|form_token)" value="[^"]*"', "", source)
    return re.sub(r"/\d+/", "/ID/", source)


def own_pages(link: ContactLink) -> list[tuple[str, str]]:
    """Return (method, path) of every page of a link."""
    gets = [("GET", f"{LIST}{link.pk}/{name}") for name in ("", "edit/", "remove/", "seen/")]
    return gets + [
        ("POST", f"{LIST}{link.pk}/{name}/") for name in ("edit", "remove", "undo", "resend", "answer")
    ]


def ask(visitor, method: str, url: str, **data) -> Page:
    """Send one request, with the form token of the browser: any form is sent from any page."""
    if method != "POST":
        return visitor.send(method, url)
    cookies = visitor.client.cookies
    if CSRF_COOKIE_NAME not in cookies:
        cookies[CSRF_COOKIE_NAME] = get_random_string(32)
    return visitor.send(method, url, {"csrfmiddlewaretoken": cookies[CSRF_COOKIE_NAME].value, **data})


def mailed_link(letter) -> str:
    """Return the path of the link in a mail to an added person."""
    (address,) = set(re.findall(r"http://testserver(/links/\S+)", letter.body))
    return address


def answer(visitor, link: str, wish: str) -> Page:
    """Open the page of a mailed link and press one of its buttons."""
    page = visitor.open(link)
    form = next(form for form in page.forms if form.method == "post" and not form.action)
    return visitor.submit(form, button=("answer", wish))
