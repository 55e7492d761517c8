"""The texts typed at the checkout, stored in ``Cart.details`` until the order is placed."""

from dataclasses import dataclass, field
from typing import Any, Self

# Key of ``TypedDetails.buyer``: whether a signed-in buyer also stores answers to the order form in their
# profile.
IN_PROFILE = "in_profile"


@dataclass(frozen=True)
class TypedDetails:
    """The value of ``Cart.details``: texts as typed, checked when a page shows them and again when the order is
    placed.

    A *slot* is the random name of one ticket or pass of the cart (``CartLine.slots``). A *block* contains the
    questions of one form for one slot or for the order (``answers.form_blocks``); its name is the slot, the
    slot with "+", or "order".
    """

    buyer: dict[str, Any] = field(default_factory=dict)
    """Field of the buyer's form -> value; empty until the first page was sent."""
    holders: dict[str, dict[str, Any]] = field(default_factory=dict)
    """Slot -> field of the holder's form -> value; "person" is who was chosen, "filled" what the shop filled in for them."""
    answers: dict[str, dict[str, list[str]]] = field(default_factory=dict)
    """Block -> question key -> texts."""
    shown: dict[str, dict[str, Any]] = field(default_factory=dict)
    """Block -> which questions a page has shown, in which version (``answers.shown_questions``)."""
    language: str = ""
    """In which the pages were read."""
    payment: dict[str, str] = field(default_factory=dict)
    """At the counter: "method", and "invitation" for the reason of one."""

    @classmethod
    def read(cls, stored: dict[str, Any]) -> Self:
        """Return the details from the value of the JSON column, which may be empty."""
        return cls(**{name: stored[name] for name in cls.__dataclass_fields__ if stored.get(name)})

    def as_json(self) -> dict[str, Any]:
        """Return the value for the JSON column, without empty parts."""
        return {name: value for name in self.__dataclass_fields__ if (value := getattr(self, name))}

    def without(self, slots: set[str]) -> Self:
        """Return the details without what was typed for these slots."""
        return type(self)(
            self.buyer,
            {slot: typed for slot, typed in self.holders.items() if slot not in slots},
            {block: typed for block, typed in self.answers.items() if block.rstrip("+") not in slots},
            self.shown,
            self.language,
            self.payment,
        )
