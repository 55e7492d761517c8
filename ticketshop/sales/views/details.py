"""The details of an order as one page, or several for a group: the buyer, whose ticket is whose, the forms' questions."""

from django.contrib import messages
from django.shortcuts import redirect
from django.utils import timezone
from django.utils.translation import get_language
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy as _lazy

from contacts import contacts
from registration_forms import limited
from registration_forms.field_types import TYPES
from ticketshop.lib.pages import page_number

from .. import asking, contents, copies, people, session, shown
from ..actions import carts
from ..forms import BuyerForm, HolderForm, SignedInBuyerForm
from ..models import Cart
from .cart import reason, say_repriced


def my_contact(request):
    """The signed-in buyer's contact, made on first use."""
    return contacts.for_user(request.pos.organiser, request.user, language=get_language(), now=timezone.now())


def buyer_email(request, cart: Cart) -> str:
    """Where the tickets go: the contact's address for a log-in, else the one typed."""
    if request.user.is_authenticated:
        return my_contact(request).email or request.user.email
    return cart.details["buyer"].get("email", "")


def as_posted(prefix: str, typed: dict) -> dict:
    """What waits on the cart, in the shape of a post."""
    return {f"{prefix}-{name}": value for name, value in typed.items()}


QUESTIONS_CHANGED = _lazy(
    "The questions have changed meanwhile. Please look at them once more; what you answered is kept."
)


class DetailsPage:
    """One page of the details. ``take`` a post, else draw it from ``context``."""

    def __init__(self, request, cart: Cart, whole: contents.Contents):
        self.request, self.cart, self.whole = request, cart, whole
        forms = asking.all_forms(whole)
        self.asked, self.names = asking.with_questions(forms), asking.name_rules(forms)
        self.slots = asking.slots(whole)
        self.size = asking.per_page(self.asked)
        self.pages = max(1, -(-len(self.slots) // self.size))
        self.drafts = dict(cart.details.get("answers", {}))
        self.holders = dict(cart.details.get("holders", {}))
        # What the pages have shown, and of that what reads the same today: block name -> keys of questions.
        self.shown = dict(cart.details.get("shown", {}))
        self.seen: dict[str, set[str]] = {}
        copies.adopt(forms, whole, self.drafts, self.holders, self.shown)
        self._turn_to(page_number(request.GET.get("page"), self.pages))
        self.posted, self.posted_number, self.posted_slots = None, 0, frozenset()

    def take(self, post):
        """Keep what was posted; the answer is where to go on, or None when a page has to be shown again."""
        here = frozenset(slot for slot in self.here if f"slot-{slot}" in post)
        self.posted, self.posted_number, self.posted_slots = post, self.number, here
        for ask in self._on(self.number):
            # Another tab, or the organiser, may have added one since the page was made.
            if (record := shown.posted(ask, post)) is not None:
                self.drafts[ask.name], self.shown[ask.name] = asking.typed(ask, post), record
        if elsewhere := self._pressed(post):
            return elsewhere
        forms = self._forms()
        self._fill(bound=True)
        asking.only_asked([ask for ask in self.asked if ask.name in self.drafts], self.drafts)
        unsound, unseen = self._unsound(forms), self._unseen()
        if not unsound and not unseen and not self._hold():
            unsound = self._unsound(forms) or [self.number]
        done = not unsound and not unseen
        if shown.outdated(self.asked, self.shown, self.seen):
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

    def look_again(self) -> None:
        """After an order that was refused: the first page with a mistake, as if it had just been sent."""
        self.posted = {}
        self._fill(bound=True)
        if unsound := self._unsound(self._forms()):
            self._turn_to(unsound[0])
        else:
            self.posted = None

    def _pressed(self, post):
        """Another button than the one that goes on: it checks nothing and loses nothing."""
        if not {"copy", "remove", "previous"} & set(post):
            return None
        self._keep(self._forms(), checked=False, complete=False)
        if "copy" in post:
            return self._copy(post["copy"])
        if "remove" in post:
            return self._remove(post["remove"])
        return self._page(max(1, self.number - 1))

    def _turn_to(self, number: int) -> None:
        self.number, self.here = number, self._slots_on(number)

    def _slots_on(self, number: int) -> list[str]:
        return self.slots[(number - 1) * self.size : number * self.size]

    def _on(self, number: int) -> list[asking.Ask]:
        return asking.on_page(self.asked, self._slots_on(number), number)

    def _page(self, number: int, anchor: str = ""):
        address = f"/{self.request.pos.slug}/checkout/"
        return redirect(f"{address}?page={number}{anchor}" if number > 1 else f"{address}{anchor}")

    def _forms(self) -> dict[str, object]:
        """The buyer's form and a holder's for every slot, filled with what was posted here or waits on the cart."""
        known = people.of(my_contact(self.request), self.request.pos) if self._may_choose() else []
        forms: dict[str, object] = {"buyer": self._buyer_form()}
        for line in self.whole.lines:
            name = line.offer.tariff.name if line.offer else line.season_pass.name
            for number, slot in enumerate(line.slots, start=1):
                prefix, typed = f"holder-{slot}", self.holders.get(slot)
                data = None
                if self.posted is not None:
                    data = self.posted if slot in self.posted_slots else as_posted(prefix, typed or {})
                form = HolderForm(
                    data, prefix=prefix, initial=typed, people=known, names=self.names.get(slot)
                )
                form.line = line
                form.heading = _("%(name)s – %(number)d of %(count)d") % {
                    "name": name,
                    "number": number,
                    "count": len(line.slots),
                }
                forms[slot] = form
        return forms

    def _may_choose(self) -> bool:
        return self.request.user.is_authenticated and self.request.pos.friends_family_enabled

    def _buyer_form(self):
        """The buyer's form: as posted or typed before, else what the log-in's contact knows."""
        initial = self.cart.details.get("buyer")
        data = self.posted
        if self.posted is not None and self.posted_number != 1:
            data = as_posted("buyer", initial or {})
        if not self.request.user.is_authenticated:
            return BuyerForm(data, prefix="buyer", initial=initial)
        if initial is None:
            contact = my_contact(self.request)
            initial = {"first_name": contact.first_name, "last_name": contact.last_name}
        return SignedInBuyerForm(data, prefix="buyer", initial=initial)

    def _fill(self, *, bound: bool) -> None:
        if not self.asked:
            return
        self.seen = shown.seen(self.asked, self.shown, self.cart.point_of_sale.organiser)
        shown.untick(self.asked, self.drafts, self.seen)
        asking.fill(self.asked, self.drafts, self.cart, now=timezone.now(), bound=bound, seen=self.seen)

    def _hold(self) -> bool:
        """Hold the limited choices that were taken, and no others any more; False when one is gone since."""
        if not any(ask.limited for ask in self.asked):
            return True
        try:
            carts.hold_choices(self.cart, asking.wanted_choices(self.asked), now=timezone.now())
        except limited.ChoiceSoldOut as error:
            self._fill(bound=True)
            asking.mark_sold_out(self.asked, error.choices, self.cart)
            return False
        return True

    def _unsound(self, forms) -> list[int]:
        """The pages with a mistake or something missing. Every form is asked, so that every mistake is said."""
        found = []
        for number in range(1, self.pages + 1):
            some = [forms[slot] for slot in self._slots_on(number)] + (
                [forms["buyer"]] if number == 1 else []
            )
            some += [ask.block for ask in self._on(number)]
            if [form for form in some if not form.is_valid()]:
                found.append(number)
        return found

    def _unseen(self) -> list[int]:
        """The pages nobody has sent yet."""
        seen = self.posted_slots | self.holders.keys()
        return [
            number
            for number in range(1, self.pages + 1)
            if not seen.issuperset(self._slots_on(number))
            or any(ask.name not in self.shown for ask in self._on(number))
        ]

    def _keep(self, forms, *, checked: bool, complete: bool) -> None:
        """Let everything wait on the cart: cleaned once all is sound, else as typed, so that nothing is lost."""

        def values(form):
            if checked:
                return {name: form.cleaned_data[name] for name in form.fields}
            return {name: str(form[name].value() or "").replace("\x00", "")[:500] for name in form.fields}

        seen = self.posted_slots | self.holders.keys()
        self.holders = {slot: values(form) for slot, form in forms.items() if slot in seen}
        details = {"buyer": values(forms["buyer"]), "holders": self.holders, "language": get_language()}
        alive = {ask.name for ask in self.asked}
        for name, records in (("answers", self.drafts), ("shown", self.shown)):
            if kept := {block: record for block, record in records.items() if block in alive}:
                details[name] = kept
        carts.write_details(self.cart, details, complete=complete)

    def _copy(self, what: str):
        """ "target:source": fill empty answers from another block."""
        by_name = {ask.name: ask for ask in self.asked}
        target, _colon, source = what.partition(":")
        if target not in by_name or source not in by_name:
            return self._page(self.number)
        copied, slot = [], target.rstrip("+")
        if by_name[source].of_order and slot in self.holders:
            copied = copies.copy_names(by_name[target], self.cart.details["buyer"], self.holders[slot])
        copied += copies.copy_draft(by_name[target], by_name[source], self.drafts)
        details = {**self.cart.details, "holders": self.holders, "answers": self.drafts}
        carts.write_details(self.cart, details, complete=False)
        text = (
            _("Copied to “%(heading)s”: %(answers)s.")
            if copied
            else _("“%(heading)s”: there was nothing to copy; what you typed stays.")
        )
        heading = {"heading": by_name[target].heading, "answers": ", ".join(copied)}
        messages.info(self.request, text % heading)
        return self._page(self.number, f"#{asking.prefix(by_name[target])}")

    def _remove(self, slot: str):
        """Take one ticket out of the cart; the others keep what was typed for them."""
        if slot in self.slots and len(self.slots) > 1:
            try:
                changed = carts.remove_slot(self.cart, slot, now=timezone.now())
            except carts.CannotAdd as error:
                messages.error(self.request, reason(error, self.request.pos))
            else:
                session.count(self.request, changed.admissions)
                say_repriced(self.request, changed.repriced)
                messages.info(self.request, _("The ticket is removed. The other answers stay as they are."))
        return self._page(self.number)

    def context(self) -> dict:
        forms = self._forms()
        if self.posted is None:
            self._fill(bound=False)
        blocks: dict[str, list[asking.Ask]] = {}
        for ask in self._on(self.number):
            blocks.setdefault(ask.name.rstrip("+"), []).append(ask)
            ask.copies = self._copies(ask)
        for slot in self.here:
            forms[slot].asks = blocks.get(slot, [])
        drawn = [*([forms["buyer"]] if self.number == 1 else []), *(forms[slot] for slot in self.here)]
        drawn += [ask.block for group in blocks.values() for ask in group]
        return {
            "contents": self.whole,
            "cart": self.cart,
            "buyer": forms["buyer"] if self.number == 1 else None,
            "order_asks": [ask for ask in self._on(self.number) if ask.of_order],
            "holders": [(slot, forms[slot].heading, forms[slot]) for slot in self.here],
            "names_may_stay_open": any(
                name in forms[slot].fields and not forms[slot].fields[name].required
                for slot in self.here
                for name in ("first_name", "last_name")
            ),
            "removable": len(self.slots) > 1,
            "versions": [(asking.prefix(ask), ask.version.pk) for ask in self._on(self.number)],
            "forms": drawn,
            "has_errors": self.posted is not None and any(form.errors for form in drawn),
            "has_new": self.posted is not None and any(getattr(form, "unseen", ()) for form in drawn),
            "currency": self.request.pos.organiser.currency,
            "page_number": self.number,
            "pages": self.pages,
        }

    def _copies(self, ask: asking.Ask) -> list[tuple[str, str]]:
        """What may be copied into a block: what the button posts, and what it says."""
        if ask.of_order:
            return []
        first = next(one for one in self.asked if one.version.form_id == ask.version.form_id)
        of_order = [one for one in self.asked if one.of_order]
        order = next((one for one in of_order if copies.may_copy(ask, one)), None)
        found = []
        if order:
            found.append((f"{ask.name}:{order.name}", _("Use my details")))
        if first.name != ask.name and copies.may_copy(ask, first):
            found.append(
                (f"{ask.name}:{first.name}", _("Copy from “%(heading)s”") % {"heading": first.heading})
            )
        return found

    def why_not_ready(self) -> str:
        """What has to be asked once more before the order: "choice", "answers", or "" where nothing has."""
        self._fill(bound=True)
        if asking.all_sound(self.asked):
            return ""
        return "choice" if asking.misses_a_place(self.asked) else "answers"

    def summary(self) -> dict:
        """All that was typed, for the page that checks it: names on tickets, answers as people read them.

        Call ``why_not_ready`` before.
        """
        forms = self._forms()
        answers = [
            (
                ask.heading,
                [
                    (question, TYPES[question.type].display(question, ask.block.answers[question.key]))
                    for question in ask.definition.questions
                    if question.key in ask.block.answers
                ],
            )
            for ask in self.asked
        ]
        return {
            "holders": [(forms[slot].heading, forms[slot].initial or {}) for slot in self.slots],
            "answers": [(heading, rows) for heading, rows in answers if rows],
        }
