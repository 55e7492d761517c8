"""The form blocks of an order: each is one form asked once, for the order, for a participant or for a pass.

The cart stores what was typed in ``details["answers"]``: block name -> question key -> texts. The block of a
ticket has the name of its slot, so that answers stay with their ticket if others are removed.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import date, datetime

from django.db.models import Q
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.translation import gettext as _

from registration_forms import definitions
from registration_forms.answers.blocks import Block
from registration_forms.models import FormVersion, RegistrationForm
from ticketshop.catalogue.models import OrderForm
from ticketshop.lib import translated
from ticketshop.lib.database.compiled import AnyOf, Compiled, Parameter

from ..cart.contents import Contents, per_unit
from ..models import CartLine

ORDER = "order"
NAMES = ("first_name", "last_name")
# Stored on the ticket itself; a form only states whether they are asked.
OF_HOLDER = (*NAMES, "email")
PARTICIPANTS_PER_PAGE = 20


@dataclass
class FormBlock:
    """One form asked once.

    ``name``: a slot; a slot and "+" for the extra form of a pass; "order"; or "order-" and a form id for
    further order forms. ``title``: titles of the events that an order form is asked for; empty for the form
    of the shop. ``day``: the day on which an age counts. ``ends_at``: when the answers are no longer needed.
    ``block``: the Django form, set by ``block_answers.fill``.
    """

    name: str
    heading: str
    version: FormVersion
    line: CartLine | None = None
    title: str = ""
    day: date | None = None
    ends_at: datetime | None = None
    block: Block | None = field(default=None, compare=False)
    # Choice key -> choice id, for limited choices; set by ``block_answers.fill``.
    limited: dict[str, int] = field(default_factory=dict, compare=False)

    @property
    def definition(self) -> definitions.Definition:
        """Return the questions of the published version."""
        return definitions.of_version(self.version)

    @property
    def of_order(self) -> bool:
        """Return whether the form is asked for the order, not for a ticket or pass."""
        return self.line is None


_ORDER_FORMS = Compiled(
    lambda: (
        OrderForm.objects.filter(
            Q(event=AnyOf("events")) | Q(point_of_sale=Parameter("pos")),
            form__archived_at=None,
            form__published__isnull=False,
        )
        .select_related("form__published")
        .defer("form__published__definition")
    )
)
# Without the definition: each process keeps it parsed in memory.
_FORMS = Compiled(
    lambda: (
        RegistrationForm.objects.filter(pk=AnyOf("ids"), archived_at=None, published__isnull=False)
        .select_related("published")
        .defer("published__definition")
    )
)


def order_forms(cart_contents: Contents) -> list[tuple[RegistrationForm, list[CartLine], bool]]:
    """Return the order forms for the contents of a cart, each once: form, its lines, whether it belongs to an
    event.

    The form of an event replaces that of the shop for the lines of that event. The shop's form comes first.
    One query; none if there can't be an order form.
    """
    if not cart_contents.has_order_forms:
        return []
    events = {line.session.event_id for line in cart_contents.lines if line.session}
    rows = _ORDER_FORMS.all(events=list(events), pos=cart_contents.cart.point_of_sale_id)
    of_event = {row.event_id: row.form for row in rows if row.event_id}
    of_shop = next((row.form for row in rows if row.point_of_sale_id), None)
    by_form: dict[int, tuple[RegistrationForm, list[CartLine], bool]] = {}
    for line in cart_contents.lines:
        own = of_event.get(line.session.event_id) if line.session else None
        if (form := own or of_shop) is not None:
            by_form.setdefault(form.pk, (form, [], own is not None))[1].append(line)
    return sorted(by_form.values(), key=lambda one: one[2])


def blocks_with_questions(cart_contents: Contents) -> list[FormBlock]:
    """Return every form block of the cart that has questions, in the order of the page. At most two queries for
    any number of tickets.
    """
    return with_questions(all_blocks(cart_contents))


def with_questions(forms: list[FormBlock]) -> list[FormBlock]:
    """Return the blocks with questions to show, so that no page or heading stays empty."""
    return [form_block for form_block in forms if asks_something(form_block.definition)]


def all_blocks(cart_contents: Contents) -> list[FormBlock]:
    """Return every form block of the cart, including those that only have rules for the name on a ticket."""
    if not cart_contents.lines:
        return []
    blocks = _of_order(order_forms(cart_contents))
    forms = _forms_of(cart_contents.lines)
    for line in cart_contents.lines:
        blocks += _of_line(line, forms)
    return blocks


def _of_order(forms: list[tuple[RegistrationForm, list[CartLine], bool]]) -> list[FormBlock]:
    blocks = []
    for form, lines, own in forms:
        name = f"{ORDER}-{form.pk}" if blocks else ORDER
        titles = list(dict.fromkeys(line.session.event.title for line in lines)) if own else []
        title, heading = ", ".join(titles), _("Your order")
        if title and len(forms) > 1:
            heading = translated.compose(_("Your order – %(events)s"), events=translated.joined(", ", titles))
        # Answers to an order form are needed until everything it applies to is over.
        ends_at = max(line.product.ends_at for line in lines)
        blocks.append(FormBlock(name, heading, form.published, title=title[:300], ends_at=ends_at))
    return blocks


def name_rules(forms: list[FormBlock]) -> dict[str, dict[str, str]]:
    """Return slot -> {"first_name": "mandatory" …}: the visibility of the names on the ticket and of the
    holder's e-mail address.

    A name that no form mentions is optional; an e-mail address that no form mentions is not asked.
    """
    rules: dict[str, dict[str, str]] = {}
    for form_block in forms:
        for question in form_block.definition.questions:
            if not form_block.of_order and question.system_ref in OF_HOLDER:
                rules.setdefault(form_block.name.rstrip("+"), {}).setdefault(
                    question.system_ref, question.visibility
                )
    return rules


def asks_something(definition: definitions.Definition) -> bool:
    """Return whether buyers are asked anything that is stored as an answer."""
    return any(
        question.visibility != "hidden"
        and not question.staff_only
        and question.system_ref not in definitions.STORED_ELSEWHERE
        for question in definition.questions
    )


def _forms_of(lines: Iterable[CartLine]) -> dict[int, RegistrationForm]:
    """Return form id -> form, for the published forms of the lines. One query where there are passes with forms, else
    none: ``contents.read`` reads those of tariffs.
    """
    tariffs = [line.offer.tariff for line in lines if line.offer]
    of_tariffs = [tariff.form for tariff in tariffs if tariff.form_id]
    forms = {form.pk: form for form in of_tariffs if form.archived_at is None and form.published}
    passes = [line.product for line in lines if not line.offer]
    ids = {form_id for product in passes for form_id in (product.form_id, product.extra_form_id)} - {None}
    return forms | {form.pk: form for form in _FORMS.all(ids=list(ids))} if ids else forms


def _of_line(line: CartLine, forms: dict[int, RegistrationForm]) -> list[FormBlock]:
    """Return the blocks of a line: one per ticket, or only for the leader of a group if the form is set so."""
    product, blocks = line.product, []
    for number, slot in enumerate(line.slots, start=1):
        for name, form_id in ((slot, product.form_id), (f"{slot}+", product.extra_form_id)):
            form = forms.get(form_id) if form_id else None
            if form is None or (_asks_only_leaders(form) and (number - 1) % per_unit(line)):
                continue
            heading = heading_of(line, number)
            blocks.append(
                FormBlock(name, heading, form.published, line, day=product.first_day, ends_at=product.ends_at)
            )
    return blocks


def _asks_only_leaders(form: RegistrationForm) -> bool:
    return definitions.of_version(form.published).group_asks == RegistrationForm.Group.LEADER


def heading_of(line: CartLine, number: int) -> str:
    """Return the heading of one ticket or pass of a line: “Adult – ticket 1 of 2 – 3 July”."""
    values = {"number": number, "count": len(line.slots)}
    if line.offer:
        starts = timezone.localtime(line.offer.session.starts_at)
        values |= {"name": line.offer.tariff.name, "date": date_format(starts, "j F")}
        # Non-breaking spaces: at a line end “1 – 2 December” would read as two days.
        return translated.compose(
            _("%(name)s – ticket\u00a0%(number)d\u00a0of\u00a0%(count)d – %(date)s"), **values
        )
    if len(line.slots) == 1:
        return line.season_pass.name
    return translated.compose(_("%(name)s – %(number)d of %(count)d"), **values, name=line.season_pass.name)


def prefix(form_block: FormBlock) -> str:
    """Return the prefix of the names of the block's fields."""
    return f"ask-{form_block.name.replace('+', 'x')}"


def slots(cart_contents: Contents) -> list[str]:
    """Return the slots of a cart in the order of the page."""
    return [slot for line in cart_contents.lines for slot in line.slots]


def per_page(blocks: list[FormBlock]) -> int:
    """Return the number of participants on a page: fewer if a form has very many questions."""
    return min([PARTICIPANTS_PER_PAGE, *(form_block.definition.fits for form_block in blocks)])


def on_page(blocks: list[FormBlock], here: list[str], number: int) -> list[FormBlock]:
    """Return the blocks of one page: order forms on the first, and those of the participants ``here``."""
    known = set(here)
    return [
        form_block
        for form_block in blocks
        if (form_block.of_order and number == 1) or form_block.name.rstrip("+") in known
    ]
