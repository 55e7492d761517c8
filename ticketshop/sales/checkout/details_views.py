"""The details of an order as one page, or several for a group: the buyer, whose ticket is whose, the forms' questions."""

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
from ticketshop.lib import language_choice
from ticketshop.lib.addresses import is_a_path_of_ours
from ticketshop.lib.pages import page_number

from .. import visitor_contact
from ..answers import copying, form_blocks, profile, shown_questions
from ..cart import carts, contents, session
from ..cart.views import reason, say_what_changed
from ..models import Cart, TypedDetails
from ..orders import person_limits
from . import known_values, people
from .forms import IN_PROFILE, BuyerForm, HolderForm, SignedInBuyerForm


def buyer_email(request, cart: Cart) -> str:
    """Where the tickets go: the contact's address for a log-in, else the one typed."""
    if request.user.is_authenticated:
        return visitor_contact.of_request(request).email or request.user.email
    return cart.typed.buyer.get("email", "")


def _typed(post, prefix: str) -> dict[str, str]:
    """What was posted for the fields of one form, as typed."""
    return {
        name.removeprefix(f"{prefix}-"): text
        for name, text in post.items()
        if name.startswith(f"{prefix}-") and name.removeprefix(f"{prefix}-") in TYPED
    }


def as_posted(prefix: str, typed: dict) -> dict:
    """What waits on the cart, in the shape of a post."""
    return {f"{prefix}-{name}": value for name, value in typed.items() if name in TYPED}


# The fields of the buyer and of whom a ticket is for.
TYPED = ("person", "first_name", "last_name", "email", IN_PROFILE)
# Buttons besides the one that goes on.
BUTTONS = {"copy", "remove", "previous", "language", "to"}
QUESTIONS_CHANGED = _lazy(
    "The questions have changed meanwhile. Please look at them once more; what you answered is kept."
)


def log_in(request):
    """To the log-in page, and back to the details: to the page of them that was sent, if it was one."""
    details = f"/{request.pos.slug}/checkout/"
    onward = request.get_full_path() if request.path == details else details
    return redirect(f"/accounts/login/?next={quote(onward)}")


class DetailsPage:
    """One page of the details. ``take`` a post, else draw it (``details_context``)."""

    def __init__(self, request, cart: Cart, whole: contents.Contents):
        self.request, self.cart, self.whole = request, cart, whole
        forms = form_blocks.all_forms(whole)
        self.asked, self.names = form_blocks.with_questions(forms), form_blocks.name_rules(forms)
        self.slots = form_blocks.slots(whole)
        self.size = form_blocks.per_page(self.asked)
        self.pages = max(1, -(-len(self.slots) // self.size))
        # Copies: what waits on the cart changes only when it is written.
        details = cart.typed
        self.drafts = dict(details.answers)
        self.holders = {slot: dict(typed) for slot, typed in details.holders.items()}
        # What the pages have shown, and of that what reads the same today: block name -> keys of questions.
        self.shown = dict(details.shown)
        self.seen: dict[str, set[str]] = {}
        copying.adopt(forms, whole, self.drafts, self.holders, self.shown)
        self.buyer: dict | None = details.buyer or None
        # Tickets whose name has just followed the person chosen.
        self.renamed: set[str] = set()
        self._turn_to(page_number(request.GET.get("page"), self.pages))
        self.posted, self.posted_number, self.posted_slots = None, 0, frozenset()

    def take(self, post):
        """Keep what was posted; the answer is where to go on, or None when a page has to be shown again."""
        here = frozenset(slot for slot in self.here if f"slot-{slot}" in post)
        self.posted, self.posted_number, self.posted_slots = post, self.number, here
        for ask in self.asks_on(self.number):
            # Another tab, or the organiser, may have added one since the page was made.
            if (record := shown_questions.posted(ask, post)) is not None:
                self.drafts[ask.name], self.shown[ask.name] = form_blocks.typed(ask, post), record
        self._take_names(post)
        if elsewhere := self._pressed(post):
            return elsewhere
        forms = self.forms()
        self.fill(bound=True)
        form_blocks.only_asked([ask for ask in self.asked if ask.name in self.drafts], self.drafts)
        unsound, unseen = self._unsound(forms), self._unseen()
        if not unsound and not unseen and not self._hold():
            unsound = self._unsound(forms) or [self.number]
        done = not unsound and not unseen
        if shown_questions.outdated(self.asked, self.shown, self.seen):
            messages.info(self.request, QUESTIONS_CHANGED)
        self._keep(forms, checked=done, complete=done)
        if done:
            return redirect("shop:review", pos=self.request.pos.slug)
        if self.number in unsound:
            return None
        first = min(unsound + unseen)
        if first in unseen:
            return self._page(first)
        self._turn_to(first)
        return None

    def put_back(self, sent):
        """Keep what was sent while the log-in had ended, whichever button was pressed; the answer is this page anew."""
        post = sent.copy()
        for name in BUTTONS:
            post.pop(name, None)
        post["to"] = ""
        return self.take(post)

    def _take_names(self, post) -> None:
        """What was typed of the buyer and of whom each ticket is for; names follow the person chosen."""
        if self.number == 1:
            # A box without a tick is not sent.
            self.buyer = {IN_PROFILE: False, **_typed(post, "buyer")}
        for slot in self.posted_slots:
            before = self.holders.get(slot, {})
            self.holders[slot] = {**_typed(post, f"holder-{slot}"), "filled": before.get("filled", {})}
        self.follow_choices()

    def follow_choices(self) -> None:
        """Let what the shop fills in follow whom each ticket is for, on every page: the buyer's own name may have changed."""
        chosen = {slot: one for slot, one in self.holders.items() if one.get("person") or one.get("filled")}
        known = {person.value: person for person in self.people} if chosen else {}
        for slot, holder in chosen.items():
            if holder.get("person") and holder["person"] not in known:
                continue  # said at the field
            asks = [ask for ask in self.asked if ask.name.rstrip("+") == slot]
            before = {name: holder.get(name) for name in form_blocks.NAMES}
            with_email = self.names.get(slot, {}).get("email", "hidden") != "hidden"
            person = known.get(holder.get("person", ""))
            known_values.follow(holder, person, asks, self.drafts, with_email=with_email)
            if before != {name: holder.get(name) for name in form_blocks.NAMES}:
                self.renamed.add(slot)

    @cached_property
    def people(self) -> list[people.Person]:
        """Whom a signed-in buyer may choose: themselves as they stand on the page."""
        if not (self.request.user.is_authenticated and self.request.pos.friends_family_enabled):
            return []
        answers = {
            question.system_ref: text
            for ask in self.asked
            if ask.of_order
            for question in ask.definition.questions
            if known_values.may_be_filled_in(question)
            and (text := TYPES[question.type].text_of(self.drafts.get(ask.name, {}).get(question.key, [])))
        }
        me, *others = people.of(visitor_contact.of_request(self.request), self.request.pos)
        return [people.as_typed(me, self.buyer or {}, answers), *others]

    def look_again(self) -> None:
        """After an order that was refused: the first page with a mistake, as if it had just been sent."""
        self.posted = {}
        self.fill(bound=True)
        if unsound := self._unsound(self.forms()):
            self._turn_to(unsound[0])
        else:
            self.posted = None

    def _pressed(self, post):
        """Another button than the one that goes on: it checks nothing and loses nothing."""
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
        """Where another link of the page leads: "cart", "log_in", or a path of this site."""
        if target == "cart":
            return redirect("shop:cart", pos=self.request.pos.slug)
        if target == "log_in":
            return log_in(self.request)
        return redirect(target) if is_a_path_of_ours(target) else self._page(self.number)

    def _turn_to(self, number: int) -> None:
        self.number, self.here = number, self._slots_on(number)

    def _slots_on(self, number: int) -> list[str]:
        return self.slots[(number - 1) * self.size : number * self.size]

    def asks_on(self, number: int) -> list[form_blocks.Ask]:
        return form_blocks.on_page(self.asked, self._slots_on(number), number)

    def _page(self, number: int, anchor: str = ""):
        address = f"/{self.request.pos.slug}/checkout/"
        return redirect(f"{address}?page={number}{anchor}" if number > 1 else f"{address}{anchor}")

    def forms(self) -> dict[str, object]:
        """The buyer's form and a holder's for every slot, filled with what was posted here or waits on the cart."""
        single = self.request.pos.organiser.single_part_names
        forms: dict[str, object] = {"buyer": self._buyer_form(single)}
        for line in self.whole.lines:
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
        """Say at the ticket that it is one too many for the person it is for."""
        user = self.request.user
        buyer = visitor_contact.of_request(self.request) if user.is_authenticated else None
        whom = person_limits.beneficiaries(buyer, self.holders) if buyer else {}
        for one in person_limits.too_many(self.whole, buyer, whom):
            for slot in one.slots:
                fields = forms[slot].fields
                forms[slot].add_error(next(iter(fields), None), one.at_ticket(others=bool(self.people)))

    def _buyer_form(self, single: bool):
        """The buyer's form: as posted or typed before, else what the log-in's contact knows."""
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
            for_profile=profile.labels(self.asked),
        )

    def fill_in_buyer(self) -> None:
        """Let what the profile of a signed-in buyer holds stand in the order forms, where they were not drawn before."""
        if self.request.user.is_authenticated and profile.labels(self.asked):
            profile.fill_in(
                self.asked, people.me(visitor_contact.of_request(self.request)).known, self.drafts, self.shown
            )

    def fill(self, *, bound: bool) -> None:
        if not self.asked:
            return
        self.seen = shown_questions.seen(self.asked, self.shown, self.cart.point_of_sale.organiser)
        shown_questions.untick(self.asked, self.drafts, self.seen)
        form_blocks.fill(self.asked, self.drafts, self.cart, now=timezone.now(), bound=bound, seen=self.seen)

    def _hold(self) -> bool:
        """Hold the limited choices that were taken, and no others any more; False when one is gone since."""
        if not any(ask.limited for ask in self.asked):
            return True
        try:
            carts.hold_choices(self.cart, form_blocks.wanted_choices(self.asked), now=timezone.now())
        except limited_choices.ChoiceSoldOut as error:
            self.fill(bound=True)
            form_blocks.mark_sold_out(self.asked, error.choices, self.cart)
            return False
        return True

    def _unsound(self, forms) -> list[int]:
        """The pages with a mistake or something missing. Every form is asked, so that every mistake is said."""
        found = []
        for number in range(1, self.pages + 1):
            some = [forms[slot] for slot in self._slots_on(number)] + (
                [forms["buyer"]] if number == 1 else []
            )
            some += [ask.block for ask in self.asks_on(number)]
            if [form for form in some if not form.is_valid()]:
                found.append(number)
        return found

    def _unseen(self) -> list[int]:
        """The pages nobody has sent yet."""
        return [
            number
            for number in range(1, self.pages + 1)
            if not self.holders.keys() >= set(self._slots_on(number))
            or any(ask.name not in self.shown for ask in self.asks_on(number))
        ]

    def _keep(self, forms, *, checked: bool, complete: bool) -> None:
        """Let everything wait on the cart: cleaned once all is sound, else as typed, so that nothing is lost."""

        def values(form):
            if checked:
                return {name: form.cleaned_data[name] for name in form.fields}
            return {
                name: str(form[name].value() or "").replace("\x00", "")[: form_blocks.LONGEST]
                for name in form.fields
            }

        # The page that is drawn again shows what was posted itself, whatever of it the cart can hold.
        holders = {
            slot: {**values(form), "filled": self.holders[slot].get("filled", {})}
            for slot, form in forms.items()
            if slot in self.holders
        }
        alive = {ask.name for ask in self.asked}
        details = TypedDetails(
            values(forms["buyer"]),
            holders,
            {block: draft for block, draft in self.drafts.items() if block in alive},
            {block: record for block, record in self.shown.items() if block in alive},
            get_language(),
        )
        carts.write_details(self.cart, details, complete=complete)

    def _copy(self, what: str):
        """ "target:source": fill empty answers from another block."""
        by_name = {ask.name: ask for ask in self.asked}
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
        """Take one ticket out of the cart; the others keep what was typed for them."""
        if slot in self.slots and len(self.slots) > 1:
            try:
                changed = carts.remove_slot(self.cart, slot, now=timezone.now())
            except carts.CannotAdd as error:
                messages.error(self.request, reason(error, self.request.pos))
            else:
                session.count(self.request, changed.admissions)
                say_what_changed(self.request, changed)
                messages.info(self.request, _("The ticket is removed. The other answers stay as they are."))
        return self._page(self.number)

    def why_not_ready(self) -> str:
        """What has to be asked once more before the order: "choice", "answers", or "" where nothing has."""
        self.fill(bound=True)
        if form_blocks.all_sound(self.asked):
            return ""
        return "choice" if form_blocks.misses_a_place(self.asked) else "answers"
