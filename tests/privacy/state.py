"""The state before an erasure: V with all data, W with similar data, and V's twin at another organiser."""

from dataclasses import dataclass, replace

from tests.privacy import people, planting
from tests.privacy.people import Identity, Shop
from tests.privacy.planting import Planted
from tests.privacy.scanner import Needles

V_EMAIL = "zoe.zqv@planted.example"
V = Identity("v", "Zoé", "d'Ōta-Müller", V_EMAIL, "+41 79 555 01 77")
# Similar to V: same last name and street, an e-mail address that contains V's, the next phone number.
W = Identity("w", "Zoé", "d'Ōta-Müller", f"a{V_EMAIL}.org", "+41 79 555 01 78")
TWIN = Identity("t", "Zoé", "d'Ōta-Müller", V_EMAIL, "+41 79 555 01 79")


@dataclass
class State:
    """Two organisers with their planted people."""

    a: Shop
    b: Shop
    v: Planted
    w: Planted
    twin: Planted

    @property
    def sought(self) -> Needles:
        """The tokens of V."""
        return Needles(self.v.tokens)

    @property
    def others(self) -> Needles:
        """The tokens of W and the twin, without V's address, which the twin has, too."""
        return Needles(
            token
            for planted in (self.w, self.twin)
            for token in planted.tokens
            if token.value != self.v.person.contact.email
        )


def make_state(*, shared_log_in: bool = False, number: int = 0) -> State:
    """Return planted people without open deferrals. ``shared_log_in``: V logs in at B, too; else the twin is a guest there.

    With a shared log-in W is a friend of V's and does nothing else.
    ``number`` tells a second state in the same database from the first.
    """
    a, b = people.make_shop(f"Aside{number}"), people.make_shop(f"Bside{number}")
    v, w, twin = (_numbered(who, number) for who in (V, W, TWIN))
    v, w = people.create_person(a, v), people.create_person(a, w)
    twin = (
        people.create_person(b, twin, user=v.user)
        if shared_log_in
        else people.create_person(b, twin, guest=True)
    )
    v.log_in_goes = twin.log_in_goes = not shared_log_in
    people.live(twin)
    if not shared_log_in:
        people.live(w)
    people.live(v, w)
    people.everything_is_over()
    twin, w, v = (
        Planted(person) if shared_log_in and person is w else planting.plant(person)
        for person in (twin, w, v)
    )
    return State(a, b, v, w, twin)


def _numbered(who: Identity, number: int) -> Identity:
    if not number:
        return who
    return replace(who, key=f"{who.key}{number}", email=who.email.replace("zqv", f"zqv{number}"))
