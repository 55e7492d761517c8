"""The details of an order as one page, or several for a group: the buyer, whose ticket is whose, the forms' questions."""

from django.contrib import messages
from django.shortcuts import redirect
from django.utils import timezone
from django.utils.translation import get_language, ngettext
from django.utils.translation import gettext as _

from contacts import contacts
from registration_forms import limited
from registration_forms.field_types import TYPES

from .. import asking, contents, people
from ..actions import carts
from ..forms import BuyerForm, HolderForm, SignedInBuyerForm
from ..models import Cart


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


class DetailsPage:
    """One page of the details. ``take`` a post, else draw it from ``context``."""

    def __init__(self, request, cart: Cart, whole: contents.Contents):
        self.request, self.cart, self.whole = request, cart, whole
        self.pages = asking.pages(whole)
        wanted = request.GET.get("page", "1")
        self.number = (
            min(int(wanted), self.pages) if wanted.isascii() and wanted.isdecimal() and len(wanted) < 4 else 1
        )
        self.number = max(1, self.number)
        self.here = asking.slots_on(whole, self.number)
        self.asked = asking.asks(whole)
        self.drafts = dict(cart.details.get("answers", {}))
        self.posted = None

    def take(self, post):
        """Keep what was posted; the answer is where to go on, or None when this page has to be shown again."""
        self.posted = post
        for ask in asking.on_page(self.asked, self.here, self.number):
            self.drafts[ask.name] = asking.typed(ask, post)
        if "copy" in post:
            return self._copy(post["copy"])
        forms = self._forms()
        self._fill(bound=True)
        here = [
            form
            for slot, form in forms.items()
            if slot in self.here or (slot == "buyer" and self.number == 1)
        ]
        blocks = [ask.block for ask in asking.on_page(self.asked, self.here, self.number)]
        # Every form is asked, so that every mistake is said.
        sound_here = [form.is_valid() for form in [*here, *blocks]].count(False) == 0
        sound = (
            sound_here and all(form.is_valid() for form in forms.values()) and asking.all_sound(self.asked)
        )
        if sound:
            sound = sound_here = self._hold()
        carts.write_details(self.cart, self._details(forms, checked=sound), complete=sound)
        self.say_what_changed(post)
        if sound:
            return redirect("shop:review", pos=self.request.pos.slug)
        return self._page(self._first_unsound(forms)) if sound_here else None

    def _page(self, number: int, anchor: str = ""):
        address = f"/{self.request.pos.slug}/checkout/"
        return redirect(f"{address}?page={number}{anchor}" if number > 1 else f"{address}{anchor}")

    def _forms(self) -> dict[str, object]:
        """The buyer's form and a holder's for every slot, filled with what was posted here or waits on the cart."""
        known = people.of(my_contact(self.request), self.request.pos) if self._may_choose() else []
        typed = self.cart.details.get("holders", {})
        forms: dict[str, object] = {"buyer": self._buyer_form()}
        for line in self.whole.lines:
            name = line.offer.tariff.name if line.offer else line.season_pass.name
            for number, slot in enumerate(line.slots, start=1):
                prefix = f"holder-{slot}"
                data = None
                if self.posted is not None:
                    data = self.posted if slot in self.here else as_posted(prefix, typed.get(slot, {}))
                form = HolderForm(data, prefix=prefix, initial=typed.get(slot), people=known)
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
        if self.posted is not None and self.number != 1:
            data = as_posted("buyer", initial or {})
        if not self.request.user.is_authenticated:
            return BuyerForm(data, prefix="buyer", initial=initial)
        if initial is None:
            contact = my_contact(self.request)
            initial = {"first_name": contact.first_name, "last_name": contact.last_name}
        return SignedInBuyerForm(data, prefix="buyer", initial=initial)

    def _fill(self, *, bound: bool) -> None:
        if self.asked:
            asking.fill(self.asked, self.drafts, self.cart, now=timezone.now(), bound=bound)

    def _hold(self) -> bool:
        """Hold the limited choices that were taken; False when one went to somebody else just now."""
        wanted = asking.wanted_choices(self.asked) if self.asked else {}
        if not wanted:
            return True
        try:
            carts.hold_choices(self.cart, wanted, now=timezone.now())
        except limited.ChoiceSoldOut:
            self._fill(bound=True)
            return False
        return True

    def _first_unsound(self, forms) -> int:
        for number in range(1, self.pages + 1):
            slots = asking.slots_on(self.whole, number)
            some = [forms[slot] for slot in slots] + ([forms["buyer"]] if number == 1 else [])
            some += [ask.block for ask in asking.on_page(self.asked, slots, number)]
            if not all(form.is_valid() for form in some):
                return number
        return self.number

    def _details(self, forms, *, checked: bool) -> dict:
        """What waits on the cart: cleaned once all is sound, else as typed, so that nothing is lost."""

        def values(form):
            if checked:
                return {name: form.cleaned_data[name] for name in form.fields}
            return {name: str(form[name].value() or "").replace("\x00", "")[:500] for name in form.fields}

        details = {
            "buyer": values(forms["buyer"]),
            "holders": {slot: values(form) for slot, form in forms.items() if slot != "buyer"},
        }
        alive = {ask.name for ask in self.asked}
        answers = {name: draft for name, draft in self.drafts.items() if name in alive}
        return {**details, "answers": answers} if answers else details

    def _copy(self, what: str):
        """ "target:source": fill empty answers from another participant; validates nothing, loses nothing."""
        carts.write_details(self.cart, self._details(self._forms(), checked=False), complete=False)
        by_name = {ask.name: ask for ask in self.asked}
        target, _colon, source = what.partition(":")
        if target not in by_name or source not in by_name:
            return self._page(self.number)
        number = asking.copy_draft(by_name[target], by_name[source], self.drafts)
        carts.write_details(self.cart, {**self.cart.details, "answers": self.drafts}, complete=False)
        text = ngettext(
            "%(count)d answer copied to “%(heading)s”.", "%(count)d answers copied to “%(heading)s”.", number
        )
        messages.info(self.request, text % {"count": number, "heading": by_name[target].heading})
        return self._page(self.number, f"#{asking.prefix(by_name[target])}")

    def say_what_changed(self, post) -> None:
        """A form was published anew since the page was opened: its questions are today's."""
        for ask in self.asked:
            seen = post.get(f"version-{ask.version.form_id}")
            if seen and seen != str(ask.version.pk):
                messages.info(
                    self.request,
                    _(
                        "The questions have changed meanwhile. Please look at them once more; what you answered is kept."
                    ),
                )
                return

    def context(self) -> dict:
        forms = self._forms()
        if self.posted is None:
            self._fill(bound=False)
        blocks: dict[str, list[asking.Ask]] = {}
        for ask in asking.on_page(self.asked, self.here, self.number):
            blocks.setdefault(ask.name.rstrip("+"), []).append(ask)
        holders = []
        for slot in self.here:
            forms[slot].asks = blocks.get(slot, [])
            holders.append((slot, forms[slot].heading, forms[slot]))
        shown = [
            *([forms["buyer"]] if self.number == 1 else []),
            *[form for _slot, _heading, form in holders],
        ]
        order = blocks.get(asking.ORDER, [])
        return {
            "contents": self.whole,
            "cart": self.cart,
            "buyer": forms["buyer"] if self.number == 1 else None,
            "order_asks": order,
            "holders": holders,
            "copy_from": self._first_of_kind(),
            "versions": {ask.version.form_id: ask.version.pk for ask in self.asked},
            "forms": [*shown, *(ask.block for group in blocks.values() for ask in group)],
            "has_errors": self.posted is not None,
            "currency": self.request.pos.organiser.currency,
            "page_number": self.number,
            "pages": self.pages,
        }

    def summary(self) -> dict:
        """All that was typed, for the page that checks it: names on tickets, answers as people read them."""
        self.here = asking.slots(self.whole)
        self._fill(bound=True)
        forms = self._forms()
        answers = [
            (
                ask.heading,
                [
                    (question, TYPES[question.type].display(question, ask.block.answers[question.key]))
                    for question, _field in ask.block.rows()
                    if question.key in ask.block.answers
                ],
            )
            for ask in self.asked
        ]
        return {
            "holders": [(forms[slot].heading, forms[slot].initial or {}) for slot in self.here],
            "answers": [(heading, rows) for heading, rows in answers if rows],
        }

    def _first_of_kind(self) -> dict[int, asking.Ask]:
        """Form id -> the first participant asked by it: from there others may be copied."""
        first: dict[int, asking.Ask] = {}
        for ask in self.asked:
            if ask.name != asking.ORDER:
                first.setdefault(ask.version.form_id, ask)
        return first
