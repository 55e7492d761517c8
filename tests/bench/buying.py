"""The purchase of one ticket with a name, like a browser does it: every page and redirect counts.

From the page of the event either straight to the details, or by way of the cart.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from html import unescape

from .load import Answer

_HIDDEN = re.compile(r'<input type="hidden" name="([^"]+)" value="([^"]*)"')
Send = Callable[[str, dict[str, str] | None], Answer]


class SoldOut(Exception):
    """The shop showed that no place is left."""


@dataclass
class Purchase:
    """A purchase. ``send`` fetches one response; ``requests`` lists the requests, in order."""

    send: Send
    event: str
    offer: int
    number: int
    # Question key -> what is entered: what a form of the tariff asks.
    answers: dict[str, str] = field(default_factory=dict)
    requests: list[str] = field(default_factory=list)
    shows_cart: bool = False
    # Pays on the page of a provider, whose URL it gets, and returns the path of the order; None: paid at the box office.
    pay: Callable[[str], str] | None = None

    def buy(self) -> str:
        """Return the URL of the order. Raise SoldOut."""
        home = self.event.split("events/")[0]
        page = self._ask(self.event)
        if f'name="offer-{self.offer}"' not in page:
            raise SoldOut
        chosen = {f"offer-{self.offer}": "1"}
        if self.shows_cart:
            page = self._post(f"{home}cart/add/", page, chosen)
            (line,) = re.findall(r'name="(line-\d+)"', page) or [""]
            if not line:
                raise SoldOut
            page = self._post(f"{home}cart/update/", page, {line: "1", "checkout": "1"})
        else:
            page = self._post(f"{home}cart/add/", page, {**chosen, "checkout": "1"})
        (holder,) = re.findall(r'name="(holder-\w+)-first_name"', page) or [""]
        if not holder:
            raise SoldOut
        who = {"first_name": "Grace", "last_name": f"Hopper {self.number}"}
        details = {f"buyer-{name}": value for name, value in who.items()}
        details |= {f"{holder}-{name}": value for name, value in who.items()}
        slot = holder.removeprefix("holder-")
        details |= {f"ask-{slot}-{key}": typed for key, typed in self.answers.items()}
        details["buyer-email"] = f"grace{self.number}@example.org"
        page = self._post(f"{home}checkout/", page, details)
        method = "stripe" if self.pay else "on_site" if 'value="on_site"' in page else "free"
        page = self._post(f"{home}checkout/review/", page, {"method": method, "terms": "on"})
        assert "/orders/" in self.address, page[:2000]
        return self.address

    def _post(self, path: str, page: str, values: dict[str, str]) -> str:
        """Post the form with its hidden fields and return the following page."""
        hidden = {name: unescape(value) for name, value in _HIDDEN.findall(page)}
        return self._ask(path, {**hidden, **values})

    def _ask(self, path: str, form: dict[str, str] | None = None) -> str:
        self.address = path
        self.requests.append(f"{'GET' if form is None else 'POST'} {path}")
        answer = self.send(path, form)
        if answer.status == 302:
            return self._ask(answer.location)
        if answer.status == 303 and self.pay:
            return self._ask(self.pay(answer.location))
        assert answer.status == 200, f"{answer.status} at {path}: {answer.text[:500]}"
        return answer.text
