"""A member of staff at a browser without JavaScript, logged in."""

import re

from tests.visitor import Page, TestClientVisitor

BACKEND = "ticketshop.organisers.permissions.MembershipBackend"


class Staff(TestClientVisitor):
    """``open`` a page of the back office, ``save`` its form."""

    def __init__(self, user, language: str = "en"):
        super().__init__(**{"accept-language": language})
        self.user = user
        self.client.force_login(user, backend=BACKEND)

    def save(self, **values) -> Page:
        """Fill in the form of the row on screen and press *Save*; double underscores in names stay as they are."""
        return self.fill("^_save$", values, button=("_save", "Save"))

    def press(self, row, button: str) -> Page:
        """Open a button's question on a row's page, and answer yes."""
        self.open(f"{change(row).removesuffix('change/')}{button}/")
        form = next(form for form in self.page.forms if form.method == "post" and form.action == "")
        return self.submit(form)

    @property
    def errors(self) -> list[str]:
        """The sentences at the fields of the page on screen."""
        lists = re.findall(r'(?s)<ul class="errorlist[^"]*"[^>]*>(.*?)</ul>', self.page.source)
        return [
            re.sub("<[^>]*>", "", item)
            for found in lists
            for item in re.findall(r"(?s)<li>(.*?)</li>", found)
        ]


def change(row, model=None) -> str:
    """The address of a row's page."""
    meta = (model or row)._meta
    return f"/admin/{meta.app_label}/{meta.model_name}/{row.pk}/change/"


def listing(model) -> str:
    """The address of a model's list."""
    return f"/admin/{model._meta.app_label}/{model._meta.model_name}/"


def without_tokens(source: str) -> str:
    """A page without what differs at each request: form tokens, and the id asked for in the address."""
    source = re.sub(r'name="(csrfmiddlewaretoken|form_token)" value="[^"]*"', "", source)
    return re.sub(r"/\d+/", "/ID/", source)
