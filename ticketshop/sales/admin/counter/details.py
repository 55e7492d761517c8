"""The second page of a new order: names on tickets and the questions of the forms, for an order whose forms ask something."""

from dataclasses import replace

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import get_language
from django.utils.translation import gettext as _

from registration_forms.answers import limited_choices
from ticketshop.lib.values.money import ZERO
from ticketshop.office import time_zones
from ticketshop.organisers import permissions

from ...answers import block_answers, form_blocks, profile
from ...answers.editing import StaffBlock
from ...cart import carts, contents
from ...checkout import people
from ...checkout.single_page import SinglePage
from ...counter import selling, waiving
from ...models import Cart, Order
from ...orders.buyers import CannotPlace
from . import refusals
from .new_order import ADD


def page(request: HttpRequest, key):
    """Show the questions, or store the answers and place the order. A page that is sent again after that leads to the order."""
    cart = selling.cart_of(key, request.user)
    if cart is None:
        return _over(request, key)
    if not request.user.has_perm(ADD, cart.point_of_sale.organiser):
        raise PermissionDenied
    time_zones.activate(request.user, cart.point_of_sale.organiser_id)
    details = Details(request, cart)
    if request.method == "POST" and (answer := details.sell()):
        return answer
    return TemplateResponse(
        request, "admin/sales/counter_details.html", {**admin.site.each_context(request), **details.context()}
    )


def _over(request: HttpRequest, key):
    """Redirect to the order that the cart became, or to a new one if the cart is gone."""
    rows = permissions.for_staff(Order.objects.filter(checkout_key=key), request.user, ADD)
    if order := rows.first():
        return redirect(reverse("admin:sales_order_counter", args=[order.pk]))
    if request.method != "POST":
        raise Http404("no such cart")
    messages.error(request, _("The places were held for too long and are free again. Nothing was ordered."))
    return redirect(reverse("admin:sales_counter"))


class Details(SinglePage):
    """One request to the page."""

    def __init__(self, request: HttpRequest, cart: Cart):
        now = timezone.now()
        self.request, self.cart = request, cart
        self.refreshed = carts.refresh(cart, now=now)
        super().__init__(contents.read(cart), request.POST if request.method == "POST" else None, now)
        organiser = cart.point_of_sale.organiser
        self.may_waive = request.user.has_perm(waiving.WAIVE, organiser)
        self.waives = self.may_waive and "waive" in request.POST
        # The tick stays on the page also if it was set without the other one.
        self.wants_link = self.may_waive and "mail_link" in request.POST
        typed = cart.typed
        self.drafts, self.holders, self.shown = dict(typed.answers), dict(typed.holders), dict(typed.shown)
        self.take() if self.post is not None else self._fill_in()
        self.fill_blocks()

    def _fill_in(self) -> None:
        """Fill in what is known of the person: order forms, and the name on the first ticket if it must have one."""
        person = selling.chosen_person(self.cart)
        known = people.me(person).known if person else dict(self.cart.typed.buyer)
        profile.fill_in(self.blocks, known, self.drafts, self.shown)
        first = next(iter(form_blocks.slots(self.cart_contents)), "")
        if first and first not in self.holders and "mandatory" in self.names.get(first, {}).values():
            buyer = self.cart.typed.buyer
            names = {
                name: getattr(person, name) if person else buyer.get(name, "") for name in form_blocks.NAMES
            }
            self.holders[first] = names

    def fill_blocks(self) -> None:
        super().fill_blocks()
        for form_block in self.blocks:
            form_block.block.template_of_a_question = StaffBlock.template_of_a_question

    def sell(self):
        """Store what was typed, and place the order if it is complete. Return a redirect, or None to show the page again."""
        complete = self.is_valid() and self._hold()
        self._keep(complete=complete)
        if not complete:
            return None
        try:
            order = selling.place(
                self.cart,
                by=self.request.user,
                now=self.now,
                waives=self.waives,
                mails_link=self.waives and self.wants_link,
            )
        except CannotPlace as error:
            self.problems += refusals.sentences(error)
            return None
        return redirect(reverse("admin:sales_order_counter", args=[order.pk]))

    def _hold(self) -> bool:
        """Hold the limited choices. Return False if one is sold out."""
        if not any(form_block.limited for form_block in self.blocks):
            return True
        try:
            carts.hold_choices(self.cart, block_answers.wanted_choices(self.blocks), now=self.now)
        except limited_choices.ChoiceSoldOut as error:
            self.fill_blocks()
            block_answers.mark_sold_out(self.blocks, error.choices, self.cart)
            return False
        return True

    def _keep(self, *, complete: bool) -> None:
        holders = {
            slot: form.cleaned_data if complete else self.holders[slot]
            for slot, form in self.holder_forms.items()
        }
        details = replace(
            self.cart.typed,
            holders=holders,
            answers=self.drafts,
            shown=self.shown,
            language=get_language() or "",
        )
        carts.write_details(self.cart, details, complete=complete)

    def context(self) -> dict:
        """Return the context of the template."""
        sent = self.post is not None
        person = selling.chosen_person(self.cart)
        typed = self.cart.typed.buyer
        name = (
            person.full_name
            if person
            else f"{typed.get('first_name', '')} {typed.get('last_name', '')}".strip()
        )
        return {
            "title": _("New order"),
            "subtitle": _("Forms"),
            "opts": Order._meta,
            "cart": self.cart,
            "currency": self.cart.point_of_sale.organiser.currency,
            "total": ZERO if self.cart.typed.payment.get("invitation") else self.cart_contents.total,
            "person_name": name,
            "order_blocks": [form_block for form_block in self.blocks if form_block.of_order],
            "holder_forms": list(self.holder_forms.values()),
            "blocks": self.blocks,
            "problems": [*self.problems, *self._too_few()],
            "wrong": [form for form in self.all_forms if sent and form.errors],
            "forms": [form_block.block for form_block in self.blocks],
            "has_new": sent and any(form_block.block.unseen for form_block in self.blocks),
            "may_waive": self.may_waive and self._has_mandatory(),
            "waives": self.waives,
            "mails_link": self.wants_link,
            "has_email": bool(person.email if person else typed.get("email")),
        }

    def _has_mandatory(self) -> bool:
        return any(
            question.mandatory and not question.staff_only
            for form_block in self.blocks
            for question in form_block.definition.questions
        )

    def _too_few(self) -> list[str]:
        if not self.refreshed.left:
            return []
        return refusals.sentences(CannotPlace("sold_out", left=self.refreshed.left))
