"""The rules for an order that staff place at the counter. All other rules are those of an order online."""

from django.utils.translation import gettext as _

from ticketshop.lib.values.money import ZERO

from ..answers import form_blocks
from ..cart.contents import Contents
from ..payments.methods.base import Method
from ..payments.methods.invitation import Invitation
from .buyers import AtCounter, CannotPlace


def apply(cart_contents: Contents, method: Method, at_counter: AtCounter) -> None:
    """Check what only orders at the counter may have, and set the prices of an invitation to zero. Raise CannotPlace."""
    if bool(at_counter.invitation) != isinstance(method, Invitation):
        raise CannotPlace(
            "counter", problems=[_("An invitation needs a reason, and only an invitation has one.")]
        )
    if is_without_person(cart_contents) and (problem := why_person(cart_contents, method)):
        raise CannotPlace("counter", problems=[problem])
    if at_counter.invitation:
        for line in cart_contents.lines:
            line.unit_price = ZERO


def is_without_person(cart_contents: Contents) -> bool:
    """Return whether the cart is for no person: no contact was chosen, and nothing typed about one."""
    cart = cart_contents.cart
    return cart.person_uuid is None and not any(cart.typed.buyer.values())


def why_person(cart_contents: Contents, method: Method | None) -> str:
    """Return why the order can't be sold without a person, in a sentence; empty if it can.

    ``method``: the chosen method; None if none is chosen yet.
    """
    if method is not None and not (method.paid_at_once or cart_contents.total == ZERO):
        return _("An order that is paid later needs a person: choose one, or enter a name.")
    for form_block in form_blocks.all_blocks(cart_contents):
        if any(
            question.mandatory and not question.staff_only for question in form_block.definition.questions
        ):
            return _(
                "“%(heading)s” asks for answers that must be given, and answers belong to a person: choose one, or enter a name."
            ) % {"heading": form_block.heading}
    return ""
