"""A logged-in staff member with a browser without JavaScript."""

import re
from dataclasses import replace

from tests.visitor import Form, Page, TestClientVisitor

BACKEND = "ticketshop.organisers.permissions.MembershipBackend"


class Staff(TestClientVisitor):
    """``open`` a page of the back office, ``save`` its form."""

    def __init__(self, user, language: str = "en"):
        super().__init__(**{"accept-language": language})
        self.user = user
        self.client.force_login(user, backend=BACKEND)

    def save(self, **values) -> Page:
        """Fill in the form of the current row and press *Save*. Double underscores in names stay unchanged."""
        return self.fill("^_save$", values, button=("_save", "Save"))

    def press(self, row, button: str, **values) -> Page:
        """Open the confirmation page of a button on a row's page, enter these values, and confirm.

        If the button can't be pressed now, the page of the row, which tells why, is returned.
        """
        address = f"{change(row).removesuffix('change/')}{button}/"
        if not self.open(address).url.startswith(address):
            return self.page
        form = next(form for form in self.page.forms if form.method == "post" and form.action == "")
        return self.submit(form, values)

    def submit_late(self, url: str, form: Form, **values) -> Page:
        """Send the form of the page at ``url`` that was opened before, as from another tab."""
        return self.submit(replace(form, action=url), values)

    @property
    def errors(self) -> list[str]:
        """Return the error messages at the fields of the current page."""
        lists = re.findall(r'(?s)<ul class="errorlist[^"]*"[^>]*>(.*?)</ul>', self.page.source)
        return [
            re.sub("<[^>]*>", "", item)
            for found in lists
            for item in re.findall(r"(?s)<li>(.*?)</li>", found)
        ]


def change(row, model=None) -> str:
    """Return the URL of a row's page."""
    meta = (model or row)._meta
    return f"/admin/{meta.app_label}/{meta.model_name}/{row.pk}/change/"


def listing(model) -> str:
    """Return the URL of a model's list."""
    return f"/admin/{model._meta.app_label}/{model._meta.model_name}/"


def without_tokens(source: str) -> str:
    """Return a page without what differs at each request: form tokens, and the id in its URL."""
    source = re.sub(r'name="(csrfmiddlewaretoken|form_token)" value="[^"]*"', "", source)
    return re.sub(r"/\d+/", "/ID/", source)
