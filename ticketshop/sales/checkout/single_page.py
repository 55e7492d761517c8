"""The names on the tickets and the questions of all forms on one page: of an order at the counter, and of a booking with a pass."""

from datetime import datetime
from functools import cached_property

from ..answers import block_answers, form_blocks, shown_questions
from ..cart.contents import Contents
from .forms import HolderForm, as_posted, posted_texts


class SinglePage:
    """The forms of one request. ``post``: what was posted; None if the page is shown for the first time.

    ``drafts`` and ``shown``: what was typed into each form block, and the questions that were shown. ``holders``: slot -> what was
    typed for the name on its ticket. ``waives``: whether staff skip mandatory questions.
    """

    waives = False

    def __init__(self, cart_contents: Contents, post, now: datetime):
        self.cart_contents, self.post, self.now = cart_contents, post, now
        self.problems: list[str] = []
        forms = form_blocks.all_blocks(cart_contents)
        self.blocks, self.names = form_blocks.with_questions(forms), form_blocks.name_rules(forms)
        self.drafts: dict = {}
        self.shown: dict = {}
        self.holders: dict = {}

    def take(self) -> None:
        """Read what was posted."""
        for form_block in self.blocks:
            if (record := shown_questions.posted(form_block, self.post)) is not None:
                self.drafts[form_block.name] = block_answers.typed(form_block, self.post)
                self.shown[form_block.name] = record
        for slot in form_blocks.slots(self.cart_contents):
            self.holders[slot] = posted_texts(self.post, f"holder-{slot}")

    def fill_blocks(self) -> None:
        """Give every block its Django form."""
        cart, bound = self.cart_contents.cart, self.post is not None
        seen = shown_questions.seen(self.blocks, self.shown, cart.point_of_sale.organiser)
        shown_questions.drop_outdated_consents(self.blocks, self.drafts, seen)
        block_answers.fill(
            self.blocks, self.drafts, cart, now=self.now, bound=bound, seen=seen, waives=self.waives
        )

    @cached_property
    def holder_forms(self) -> dict[str, HolderForm]:
        """Return slot -> the form for the name on its ticket, with the blocks of its questions."""
        organiser = self.cart_contents.cart.point_of_sale.organiser
        forms = {}
        for line in self.cart_contents.lines:
            for number, slot in enumerate(line.slots, start=1):
                prefix, typed = f"holder-{slot}", self.holders.get(slot, {})
                form = HolderForm(
                    as_posted(prefix, typed) if self.post is not None else None,
                    prefix=prefix,
                    initial=typed,
                    people=[],
                    names=self.names.get(slot),
                    single_names=organiser.single_part_names,
                    of_pass=line.offer is None,
                )
                form.heading = form_blocks.heading_of(line, number)
                form.blocks = [block for block in self.blocks if block.name.rstrip("+") == slot]
                forms[slot] = form
        return forms

    @property
    def all_forms(self) -> list:
        """Return everything that the page validates, in its order."""
        of_order = [form_block.block for form_block in self.blocks if form_block.of_order]
        of_tickets = [
            part
            for form in self.holder_forms.values()
            for part in (form, *(block.block for block in form.blocks))
        ]
        return [*of_order, *of_tickets]

    def is_valid(self) -> bool:
        """Return whether everything is filled in. Every form is validated, so that all errors are shown."""
        typed_blocks = [form_block for form_block in self.blocks if form_block.name in self.drafts]
        block_answers.drop_hidden_answers(typed_blocks, self.drafts)
        return not [form for form in self.all_forms if not form.is_valid()]
