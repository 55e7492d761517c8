"""The details of an order: the buyer, a person for each ticket, and the questions of the forms; in pages for a group."""

from dataclasses import replace
from functools import cached_property
from urllib.parse import quote

from django.contrib import messages
from django.shortcuts import redirect
from django.utils import timezone
from django.utils.translation import get_language
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy as _lazy

from registration_forms.answers import limited_choices
from registration_forms.field_types import TYPES
from ticketshop.lib.web import language_choice
from ticketshop.lib.web.pages import page_number
from ticketshop.lib.web.redirects import is_a_path_of_ours

from .. import visitor_contact
from ..answers import block_answers, copying, form_blocks, profile, shown_questions
from ..cart import carts, contents, session
from ..cart.views import reason, report_changes
from ..models import Cart, TypedDetails
from ..orders import person_limits
from . import known_values, people
from .forms import IN_PROFILE, BuyerForm, HolderForm, SignedInBuyerForm, as_posted, posted_texts


def buyer_email(request, cart: Cart) -> str:
    """Return where the tickets are sent: the contact's e-mail address for a signed-in visitor, else the typed one."""
    if request.user.is_authenticated:
        return visitor_contact.of_request(request).email or request.user.email
    return cart.typed.buyer.get("email", "")


# Names of buttons that do not go on to the review.
BUTTONS = {"copy", "remove", "previous", "language", "to"}
QUESTIONS_CHANGED = _lazy(
    "The questions have changed meanwhile. Please look at them once more; what you answered is kept."
)


def log_in(request):
    """Redirect to the log-in page, and from there back to the details (the same page of them, if it was one)."""
    details = f"/{request.pos.slug}/checkout/"
    onward = request.get_full_path() if request.path == details else details
    return redirect(f"/accounts/login/?next={quote(onward)}")


class DetailsPage:
    """One page of the details. Call ``take`` with a post; show the page with ``details_context``."""

    def __init__(self, request, cart: Cart, cart_contents: contents.Contents):
        self.request, self.cart, self.cart_contents = request, cart, cart_contents
        forms = form_blocks.all_blocks(cart_contents)
        self.blocks, self.names = form_blocks.with_questions(forms), form_blocks.name_rules(forms)
        self.slots = form_blocks.slots(cart_contents)
        self.size = form_blocks.per_page(self.blocks)
        self.pages = max(1, -(-len(self.slots) // self.size))
        # Copies: the cart changes only when it is written.
        details = cart.typed
        self.drafts = dict(details.answers)
        self.holders = {slot: dict(typed) for slot, typed in details.holders.items()}
        # ``shown``: what the pages have shown; ``seen``: block name -> keys of questions shown in today's
        # question_wording.
        self.shown = dict(details.shown)
        self.seen: dict[str, set[str]] = {}
        copying.carry_over_drafts(forms, cart_contents, self.drafts, self.holders, self.shown)
        self.buyer: dict | None = details.buyer or None
        # Slots whose name was just filled in from the chosen person.
        self.renamed: set[str] = set()
        self._turn_to(page_number(request.GET.get("page"), self.pages))
        self.posted, self.posted_number, self.posted_slots = None, 0, frozenset()

    def take(self, post):
        """Store what was posted. Return a redirect, or None if a page has to be shown again."""
        here = frozenset(slot for slot in self.here if f"slot-{slot}" in post)
        self.posted, self.posted_number, self.posted_slots = post, self.number, here
        for form_block in self.blocks_on(self.number):
            # Another tab, or the organiser, may have added a block since the page was made.
            if (record := shown_questions.posted(form_block, post)) is not None:
                self.drafts[form_block.name] = block_answers.typed(form_block, post)
                self.shown[form_block.name] = record
        self._take_names(post)
        if elsewhere := self._pressed(post):
            return elsewhere
        forms = self.forms()
        self.fill(bound=True)
        typed_blocks = [form_block for form_block in self.blocks if form_block.name in self.drafts]
        block_answers.drop_hidden_answers(typed_blocks, self.drafts)
        invalid, unsent = self._invalid_pages(forms), self._unsent_pages()
        if not invalid and not unsent and not self._hold():
            invalid = self._invalid_pages(forms) or [self.number]
        done = not invalid and not unsent
        if shown_questions.outdated(self.blocks, self.shown, self.seen):
            messages.info(self.request, QUESTIONS_CHANGED)
        self._keep(forms, checked=done, complete=done)
        if done:
            return redirect("shop:review", pos=self.request.pos.slug)
        if self.number in invalid:
            return None
        first = min(invalid + unsent)
        if first in unsent:
            return self._page(first)
        self._turn_to(first)
        return None

    def put_back(self, sent):
        """Store what was posted after the log-in had ended, without pressing its button. Return a redirect to this page."""
        post = sent.copy()
        for name in BUTTONS:
            post.pop(name, None)
        post["to"] = ""
        return self.take(post)

    def _take_names(self, post) -> None:
        """Store what was typed for the buyer and the holder of each ticket, and fill in names of chosen people."""
        if self.number == 1:
            # A browser does not send an unticked box.
            self.buyer = {IN_PROFILE: False, **posted_texts(post, "buyer")}
        for slot in self.posted_slots:
            before = self.holders.get(slot, {})
            self.holders[slot] = {**posted_texts(post, f"holder-{slot}"), "filled": before.get("filled", {})}
        self.follow_choices()

    def follow_choices(self) -> None:
        """Fill in what the shop knows of each chosen person, on every page: the buyer's name may have changed."""
        chosen = {
            slot: typed for slot, typed in self.holders.items() if typed.get("person") or typed.get("filled")
        }
        known = {person.value: person for person in self.people} if chosen else {}
        for slot, holder in chosen.items():
            if holder.get("person") and holder["person"] not in known:
                continue  # the field shows the error
            slot_blocks = [form_block for form_block in self.blocks if form_block.name.rstrip("+") == slot]
            before = {name: holder.get(name) for name in form_blocks.NAMES}
            with_email = self.names.get(slot, {}).get("email", "hidden") != "hidden"
            person = known.get(holder.get("person", ""))
            known_values.follow(holder, person, slot_blocks, self.drafts, with_email=with_email)
            if before != {name: holder.get(name) for name in form_blocks.NAMES}:
                self.renamed.add(slot)

    @cached_property
    def people(self) -> list[people.Person]:
        """Return the people that a signed-in buyer may choose; the buyer with the values on the page."""
        if not (self.request.user.is_authenticated and self.request.pos.friends_family_enabled):
            return []
        answers = {
            question.system_ref: text
            for form_block in self.blocks
            if form_block.of_order
            for question in form_block.definition.questions
            if known_values.may_be_filled_in(question)
            and (
                text := TYPES[question.type].text_of(
                    self.drafts.get(form_block.name, {}).get(question.key, [])
                )
            )
        }
        me, *others = people.of(visitor_contact.of_request(self.request), self.request.pos)
        return [people.as_typed(me, self.buyer or {}, answers), *others]

    def look_again(self) -> None:
        """After a refused order, turn to the first page with an error, as if it had just been posted."""
        self.posted = {}
        self.fill(bound=True)
        if invalid := self._invalid_pages(self.forms()):
            self._turn_to(invalid[0])
        else:
            self.posted = None

    def _pressed(self, post):
        """Store everything unchecked if another button than "go on" was pressed. Return a redirect, or None."""
        if not BUTTONS & set(post):
            return None
        self._keep(self.forms(), checked=False, complete=False)
        if "language" in post:
            return language_choice.remember(self._page(self.number), post["language"])
        if "to" in post:
            return self._lead_to(post["to"])
        if "copy" in post:
            return self._copy(post["copy"])
        if "remove" in post:
            return self._remove(post["remove"])
        return self._page(max(1, self.number - 1))

    def _lead_to(self, target: str):
        """Redirect to where another link of the page leads: "cart", "log_in", or a path of this site."""
        if target == "cart":
            return redirect("shop:cart", pos=self.request.pos.slug)
        if target == "log_in":
            return log_in(self.request)
        return redirect(target) if is_a_path_of_ours(target) else self._page(self.number)

    def _turn_to(self, number: int) -> None:
        self.number, self.here = number, self._slots_on(number)

    def _slots_on(self, number: int) -> list[str]:
        return self.slots[(number - 1) * self.size : number * self.size]

    def blocks_on(self, number: int) -> list[form_blocks.FormBlock]:
        """Return the form blocks on this page."""
        return form_blocks.on_page(self.blocks, self._slots_on(number), number)

    def _page(self, number: int, anchor: str = ""):
        address = f"/{self.request.pos.slug}/checkout/"
        return redirect(f"{address}?page={number}{anchor}" if number > 1 else f"{address}{anchor}")

    def forms(self) -> dict[str, object]:
        """Return "buyer" or slot -> form, filled with what was posted here or is stored on the cart."""
        single = self.request.pos.organiser.single_part_names
        forms: dict[str, object] = {"buyer": self._buyer_form(single)}
        for line in self.cart_contents.lines:
            for number, slot in enumerate(line.slots, start=1):
                prefix, typed = f"holder-{slot}", self.holders.get(slot)
                form = HolderForm(
                    as_posted(prefix, typed or {}) if self.posted is not None else None,
                    prefix=prefix,
                    initial=typed,
                    people=self.people,
                    names=self.names.get(slot),
                    single_names=single,
                    filled=(typed or {}).get("filled"),
                    of_pass=line.offer is None,
                )
                form.line, form.heading = line, form_blocks.heading_of(line, number)
                forms[slot] = form
        if self.posted is not None:
            self._say_maximum(forms)
        return forms

    def _say_maximum(self, forms) -> None:
        """Add an error to each ticket that is one too many for its beneficiary."""
        user = self.request.user
        buyer = visitor_contact.of_request(self.request) if user.is_authenticated else None
        beneficiaries = person_limits.find_beneficiaries(buyer, self.holders) if buyer else {}
        for too_many in person_limits.too_many(self.cart_contents, buyer, beneficiaries):
            for slot in too_many.slots:
                fields = forms[slot].fields
                forms[slot].add_error(next(iter(fields), None), too_many.at_ticket(others=bool(self.people)))

    def _buyer_form(self, single: bool):
        """Return the buyer's form: as posted or typed before, else with the names of the contact."""
        initial = self.buyer
        data = as_posted("buyer", initial or {}) if self.posted is not None else None
        if not self.request.user.is_authenticated:
            return BuyerForm(data, prefix="buyer", initial=initial, single_names=single)
        if initial is None:
            contact = visitor_contact.of_request(self.request)
            initial = {"first_name": contact.first_name, "last_name": contact.last_name}
        return SignedInBuyerForm(
            data,
            prefix="buyer",
            initial=initial,
            single_names=single,
            for_profile=profile.labels(self.blocks),
        )

    def fill_in_buyer(self) -> None:
        """Fill order forms that no page has shown yet with values of the signed-in buyer's profile."""
        if self.request.user.is_authenticated and profile.labels(self.blocks):
            profile.fill_in(
                self.blocks,
                people.me(visitor_contact.of_request(self.request)).known,
                self.drafts,
                self.shown,
            )

    def fill(self, *, bound: bool) -> None:
        """Give every form block its Django form; ``bound`` checks the drafts."""
        if not self.blocks:
            return
        self.seen = shown_questions.seen(self.blocks, self.shown, self.cart.point_of_sale.organiser)
        shown_questions.drop_outdated_consents(self.blocks, self.drafts, self.seen)
        block_answers.fill(
            self.blocks, self.drafts, self.cart, now=timezone.now(), bound=bound, seen=self.seen
        )

    def _hold(self) -> bool:
        """Hold the limited choices that were taken, and end other holds. Return False if a choice is sold out."""
        if not any(form_block.limited for form_block in self.blocks):
            return True
        try:
            carts.hold_choices(self.cart, block_answers.wanted_choices(self.blocks), now=timezone.now())
        except limited_choices.ChoiceSoldOut as error:
            self.fill(bound=True)
            block_answers.mark_sold_out(self.blocks, error.choices, self.cart)
            return False
        return True

    def _invalid_pages(self, forms) -> list[int]:
        """Return the numbers of pages with an error. Every form is validated, so that all errors are shown."""
        numbers = []
        for number in range(1, self.pages + 1):
            some = [forms[slot] for slot in self._slots_on(number)] + (
                [forms["buyer"]] if number == 1 else []
            )
            some += [form_block.block for form_block in self.blocks_on(number)]
            if [form for form in some if not form.is_valid()]:
                numbers.append(number)
        return numbers

    def _unsent_pages(self) -> list[int]:
        """Return the numbers of pages that were never posted."""
        return [
            number
            for number in range(1, self.pages + 1)
            if not self.holders.keys() >= set(self._slots_on(number))
            or any(form_block.name not in self.shown for form_block in self.blocks_on(number))
        ]

    def _keep(self, forms, *, checked: bool, complete: bool) -> None:
        """Store everything on the cart: cleaned if all is valid, else as typed, so that nothing is lost."""

        def values(form):
            """Return field name -> value of a form."""
            if checked:
                return {name: form.cleaned_data[name] for name in form.fields}
            return {
                name: str(form[name].value() or "").replace("\x00", "")[: block_answers.LONGEST]
                for name in form.fields
            }

        # The page that is shown again contains the post itself, even what the cart can't store.
        holders = {
            slot: {**values(form), "filled": self.holders[slot].get("filled", {})}
            for slot, form in forms.items()
            if slot in self.holders
        }
        alive = {form_block.name for form_block in self.blocks}
        details = TypedDetails(
            values(forms["buyer"]),
            holders,
            {block: draft for block, draft in self.drafts.items() if block in alive},
            {block: record for block, record in self.shown.items() if block in alive},
            get_language(),
        )
        carts.write_details(self.cart, details, complete=complete)

    def _copy(self, what: str):
        """Fill empty answers of one block from another. ``what``: "target:source", two block names."""
        by_name = {form_block.name: form_block for form_block in self.blocks}
        target, _colon, source = what.partition(":")
        if target not in by_name or source not in by_name:
            return self._page(self.number)
        copied, slot, of_order = [], target.rstrip("+"), by_name[source].of_order
        typed = self.cart.typed
        holders = typed.holders
        if slot in holders:
            names = typed.buyer if of_order else holders.get(source.rstrip("+"), {})
            copied = copying.copy_names(by_name[target], by_name[source], names, holders[slot])
            if of_order and slot in self.renamed and holders[slot].get("person") == person_limits.ME:
                copied = copying.names_asked(by_name[target])
        copied += copying.copy_draft(by_name[target], by_name[source], self.drafts)
        details = replace(typed, holders=holders, answers=self.drafts)
        carts.write_details(self.cart, details, complete=False)
        text = (
            _("Copied to “%(heading)s”: %(answers)s.")
            if copied
            else _("“%(heading)s”: there was nothing to copy; what you typed stays.")
        )
        heading = {"heading": by_name[target].heading, "answers": ", ".join(copied)}
        messages.info(self.request, text % heading)
        return self._page(self.number, f"#{form_blocks.prefix(by_name[target])}")

    def _remove(self, slot: str):
        """Remove one ticket from the cart; the others keep what was typed for them."""
        if slot in self.slots and len(self.slots) > 1:
            try:
                changed = carts.remove_slot(self.cart, slot, now=timezone.now())
            except carts.CannotAdd as error:
                messages.error(self.request, reason(error, self.request.pos))
            else:
                session.count(self.request, changed.admissions)
                report_changes(self.request, changed)
                messages.info(self.request, _("The ticket is removed. The other answers stay as they are."))
        return self._page(self.number)

    def why_not_ready(self) -> str:
        """Return what has to be asked again before the order: "choice", "answers", or "" for nothing."""
        self.fill(bound=True)
        if block_answers.all_valid(self.blocks):
            return ""
        return "choice" if block_answers.has_sold_out_choice(self.blocks) else "answers"
