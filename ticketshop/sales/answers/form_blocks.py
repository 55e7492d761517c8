"""What the forms of an order ask: a block for the order, one for every participant, one for every pass.

What was typed waits on the cart, as typed, under ``details["answers"]``: block name -> {key: [texts]}. A
ticket's block has the name of its slot, so answers stay with their ticket when others go.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import date, datetime

from django.db.models import Q
from django.utils import timezone
from django.utils.datastructures import MultiValueDict
from django.utils.formats import date_format
from django.utils.translation import gettext as _

from registration_forms import definitions
from registration_forms.answers import limited_choices, responses
from registration_forms.answers.blocks import Block
from registration_forms.field_types import TYPES, QuestionContext
from registration_forms.field_types.choices import NO_PLACE_LEFT
from registration_forms.models import FormVersion, RegistrationForm
from ticketshop.catalogue.models import OrderForm
from ticketshop.lib import translated
from ticketshop.lib.compiled import AnyOf, Compiled, Parameter
from ticketshop.lib.forms import missing_parts

from ..cart.contents import Contents, per_unit
from ..models import Cart, CartLine

ORDER = "order"
NAMES = ("first_name", "last_name")
# What lives on the ticket itself; a form only says whether it is asked.
OF_HOLDER = (*NAMES, "email")
PARTICIPANTS_PER_PAGE = 20
# As posted: a line break of a text on several lines counts twice there.
LONGEST = 8200


@dataclass
class Ask:
    """One form asked once. ``name``: a slot, a slot and "+" for what is added to a pass, "order", or for a second order
    form "order-" and its number.

    ``title``: the events that an order form is asked for; empty for the shop's.
    """

    name: str
    heading: str
    version: FormVersion
    line: CartLine | None = None
    title: str = ""
    day: date | None = None
    ends_at: datetime | None = None
    block: Block | None = field(default=None, compare=False)
    # Choice key -> id, of choices with a limited number of places; known once the block is filled.
    limited: dict[str, int] = field(default_factory=dict, compare=False)

    @property
    def definition(self) -> definitions.Definition:
        return definitions.of_version(self.version)

    @property
    def of_order(self) -> bool:
        """Whether it is asked of the order, not of a ticket or a pass."""
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
# Without the definition itself: a process knows it, parsed.
_FORMS = Compiled(
    lambda: (
        RegistrationForm.objects.filter(pk=AnyOf("ids"), archived_at=None, published__isnull=False)
        .select_related("published")
        .defer("published__definition")
    )
)


def order_forms(whole: Contents) -> list[tuple[RegistrationForm, list[CartLine], bool]]:
    """The order forms that apply to something in the cart, each once: the form, its lines, whether it is an event's own.

    An event's own form stands in for the shop's for the lines of that event. The shop's comes first. One query.
    """
    events = {line.offer.session.event_id for line in whole.lines if line.offer}
    rows = _ORDER_FORMS.all(events=list(events), pos=whole.cart.point_of_sale_id)
    of_event = {row.event_id: row.form for row in rows if row.event_id}
    of_shop = next((row.form for row in rows if row.point_of_sale_id), None)
    found: dict[int, tuple[RegistrationForm, list[CartLine], bool]] = {}
    for line in whole.lines:
        own = of_event.get(line.offer.session.event_id) if line.offer else None
        if (form := own or of_shop) is not None:
            found.setdefault(form.pk, (form, [], own is not None))[1].append(line)
    return sorted(found.values(), key=lambda one: one[2])


def asks(whole: Contents) -> list[Ask]:
    """Every form the cart asks, in the order of the page; two queries at most, none of them per ticket."""
    return with_questions(all_forms(whole))


def with_questions(forms: list[Ask]) -> list[Ask]:
    """Those with something to draw: no empty step or heading is shown."""
    return [ask for ask in forms if asks_something(ask.definition)]


def all_forms(whole: Contents) -> list[Ask]:
    """As ``asks``, with the forms that only say what is to be known of the name on a ticket."""
    if not whole.lines:
        return []
    found = _of_order(order_forms(whole))
    forms = _forms_of(whole.lines)
    for line in whole.lines:
        found += _of_offer(line, forms) if line.offer else _of_pass(line, forms)
    return found


def _of_order(forms: list[tuple[RegistrationForm, list[CartLine], bool]]) -> list[Ask]:
    found = []
    for form, lines, own in forms:
        name = f"{ORDER}-{form.pk}" if found else ORDER
        titles = list(dict.fromkeys(line.offer.session.event.title for line in lines)) if own else []
        title, heading = ", ".join(titles), _("Your order")
        if title and len(forms) > 1:
            heading = translated.compose(_("Your order – %(events)s"), events=translated.joined(", ", titles))
        # What an order form asks is needed until everything it applies to is over.
        ends_at = max(line.product.ends_at for line in lines)
        found.append(Ask(name, heading, form.published, title=title[:300], ends_at=ends_at))
    return found


def name_rules(forms: list[Ask]) -> dict[str, dict[str, str]]:
    """Slot -> {"first_name": "mandatory" …}: what the forms say of the name on the ticket, and of its holder's e-mail address.

    A name that no form mentions may stay open; the address is not asked then.
    """
    rules: dict[str, dict[str, str]] = {}
    for ask in forms:
        for question in ask.definition.questions:
            if not ask.of_order and question.system_ref in OF_HOLDER:
                rules.setdefault(ask.name.rstrip("+"), {}).setdefault(
                    question.system_ref, question.visibility
                )
    return rules


def asks_something(definition: definitions.Definition) -> bool:
    """Whether buyers are asked anything that is stored as an answer."""
    return any(
        question.visibility != "hidden"
        and not question.staff_only
        and question.system_ref not in definitions.STORED_ELSEWHERE
        for question in definition.questions
    )


def _forms_of(lines: Iterable[CartLine]) -> dict[int, RegistrationForm]:
    ids = {line.offer.tariff.form_id for line in lines if line.offer}
    ids |= {
        pk
        for line in lines
        if line.season_pass
        for pk in (line.season_pass.form_id, line.season_pass.extra_form_id)
    }
    ids.discard(None)
    if not ids:
        return {}
    return {form.pk: form for form in _FORMS.all(ids=list(ids))}


def _of_offer(line: CartLine, forms: dict[int, RegistrationForm]) -> list[Ask]:
    form = forms.get(line.offer.tariff.form_id)
    if form is None:
        return []
    session = line.offer.session
    leader_only = definitions.of_version(form.published).group_asks == RegistrationForm.Group.LEADER
    starts = timezone.localtime(session.starts_at)
    found = []
    for number, slot in enumerate(line.slots, start=1):
        if leader_only and (number - 1) % per_unit(line):
            continue
        found.append(
            Ask(
                slot,
                heading_of(line, number),
                form.published,
                line,
                day=starts.date(),
                ends_at=session.ends_at,
            )
        )
    return found


def _of_pass(line: CartLine, forms: dict[int, RegistrationForm]) -> list[Ask]:
    season_pass, found = line.season_pass, []
    for number, slot in enumerate(line.slots, start=1):
        for name, form_id in ((slot, season_pass.form_id), (f"{slot}+", season_pass.extra_form_id)):
            if form_id in forms:
                found.append(
                    Ask(
                        name,
                        heading_of(line, number),
                        forms[form_id].published,
                        line,
                        day=season_pass.valid_from,
                        ends_at=line.product.ends_at,
                    )
                )
    return found


def heading_of(line: CartLine, number: int) -> str:
    """What one ticket or pass of a line is called at the checkout: “Adult – ticket 1 of 2 – 3 July”."""
    values = {"number": number, "count": len(line.slots)}
    if line.offer:
        starts = timezone.localtime(line.offer.session.starts_at)
        values |= {"name": line.offer.tariff.name, "date": date_format(starts, "j F")}
        # Not broken before the dash: “1 – 2 December” would read as two days.
        return translated.compose(
            _("%(name)s – ticket\u00a0%(number)d\u00a0of\u00a0%(count)d – %(date)s"), **values
        )
    if len(line.slots) == 1:
        return line.season_pass.name
    return translated.compose(_("%(name)s – %(number)d of %(count)d"), **values, name=line.season_pass.name)


def prefix(ask: Ask) -> str:
    return f"ask-{ask.name.replace('+', 'x')}"


def typed(ask: Ask, post) -> dict[str, list[str]]:
    """What was posted for this block, as typed: only keys of its own definition, each text cut to a length."""
    found = {}
    for question in ask.definition.questions:
        texts = TYPES[question.type].posted(post, f"{prefix(ask)}-{question.key}")[:300]
        if texts:
            found[question.key] = [text.replace("\x00", "")[:LONGEST] for text in texts]
    return found


def posted_as(question: definitions.Question, texts: list[str]) -> MultiValueDict:
    """What was typed for one question, as a field named after its key would send it."""
    return MultiValueDict(TYPES[question.type].as_posted(question.key, texts))


def as_posted(definition: definitions.Definition, prefix: str, typed: dict[str, list[str]]) -> MultiValueDict:
    """What was typed, key -> texts, as a block of this definition would send it; keys of other forms are left out."""
    data: dict[str, list[str]] = {}
    for key, texts in typed.items():
        if question := definition.question(key):
            data |= TYPES[question.type].as_posted(f"{prefix}-{key}", texts)
    return MultiValueDict(data)


def fill(
    asked: list[Ask], drafts: dict, cart: Cart, *, now: datetime, bound: bool, seen: dict[str, set[str]]
) -> None:
    """Give each ask its block, filled with its draft; ``bound`` checks it. One query for limited choices.

    ``seen``: block name -> the questions that a page has shown (``shown.seen``); the others have not been asked.
    """
    limits = _limits(asked, cart)
    for ask in asked:
        draft, mine = drafts.get(ask.name, {}), limits.get(ask.version.form_id, [])
        ask.limited = {one.key: one.pk for one in mine}
        gone = frozenset(one.key for one in mine if one.left <= 0)
        left = {one.key: one.left for one in mine}
        country = cart.point_of_sale.organiser.country
        common = QuestionContext(day=ask.day, now=now, sold_out=gone, left=left, country=country)
        if bound or draft:
            data = as_posted(ask.definition, prefix(ask), draft)
            ask.block = Block(
                ask.definition,
                data,
                prefix=prefix(ask),
                question_context=common,
                seen=seen.get(ask.name, ()) if bound else None,
                of_reader=ask.of_order,
            )
            if not bound:
                # Shown again as typed, without saying yet what is missing.
                ask.block.full_clean()
                ask.block._errors.clear()
        else:
            ask.block = Block(
                ask.definition, prefix=prefix(ask), question_context=common, of_reader=ask.of_order
            )
        ask.block.heading = ask.heading


def forms_with_choices(asked: list[Ask]) -> set[int]:
    """Ids of the forms that offer choices: staff may limit the places of one at any time, without publishing."""
    return {
        ask.version.form_id for ask in asked if any(question.options for question in ask.definition.questions)
    }


def _limits(asked: list[Ask], cart: Cart) -> dict[int, list[limited_choices.Limited]]:
    """Form id -> its limited choices with the places that are free; no query where no form offers choices."""
    found: dict[int, list[limited_choices.Limited]] = {}
    if forms := forms_with_choices(asked):
        for one in limited_choices.of_forms(forms, cart.key):
            found.setdefault(one.form, []).append(one)
    return found


def slots(whole: Contents) -> list[str]:
    """The slots of a cart in the order of the page."""
    return [slot for line in whole.lines for slot in line.slots]


def per_page(asked: list[Ask]) -> int:
    """How many participants a page takes: fewer where a form asks very much."""
    return min([PARTICIPANTS_PER_PAGE, *(ask.definition.fits for ask in asked)])


def on_page(asked: list[Ask], here: list[str], number: int) -> list[Ask]:
    """The blocks on one page: the order's on the first, and those of its participants."""
    known = set(here)
    return [ask for ask in asked if (ask.of_order and number == 1) or ask.name.rstrip("+") in known]


def wanted_choices(asked: list[Ask]) -> dict[str, list[int]]:
    """Block name -> ids of limited choices its answers take; the blocks must be filled."""
    found = {ask.name: [pk for ids in _wanted(ask).values() for pk in ids] for ask in asked}
    return {name: ids for name, ids in found.items() if ids}


def _wanted(ask: Ask) -> dict[str, list[int]]:
    """Question key -> ids of the limited choices its answer takes."""
    found = {}
    for key, value in ask.block.answers.items():
        if TYPES[ask.definition.by_key[key].type].column not in ("v_choice", "choices"):
            continue
        keys = value if isinstance(value, list) else [value]
        ids = [ask.limited[one] for one in keys if one in ask.limited]
        if ids:
            found[key] = ids
    return found


def only_asked(asked: list[Ask], drafts: dict) -> None:
    """Drop from the drafts what a condition hides; the blocks must be bound."""
    for ask in asked:
        keys = {question.key for question in ask.block.shown()}
        drafts[ask.name] = {key: texts for key, texts in drafts.get(ask.name, {}).items() if key in keys}


def mark_sold_out(asked: list[Ask], choices: set[int], cart: Cart) -> None:
    """Say "just sold out" at the fields that took more of these choices than there are: the last ones do without."""
    left = limited_choices.left(choices, cart.key)
    for ask in asked:
        ask.block.is_valid()  # gives the answers
        for key, ids in _wanted(ask).items():
            for pk in ids:
                if pk not in choices:
                    continue
                left[pk] -= 1
                if left[pk] < 0 and key not in ask.block.errors:
                    ask.block.add_error(key, NO_PLACE_LEFT)


def misses_a_place(asked: list[Ask]) -> bool:
    """Whether a choice was taken that is sold out by now."""
    return any(
        error.code == "sold_out"
        for ask in asked
        for errors in ask.block.errors.as_data().values()
        for error in errors
    )


def given(asked: list[Ask], about: dict[str, object]) -> list[responses.NewResponse]:
    """The checked answers, to be stored; ``about``: block name -> contact."""
    return [
        responses.NewResponse(ask.version, ask.block.answers, about.get(ask.name), ask.ends_at)
        for ask in asked
    ]


def ready(forms: list[Ask], drafts: dict, holders: dict, *, single_names: bool) -> bool:
    """Whether everything was asked, with the names that tickets must have, and every block is in order.

    The blocks must be bound.
    """
    asked = with_questions(forms)
    named = not any(
        missing_parts(
            holders.get(slot, {}),
            [name for name in NAMES if rules.get(name) == "mandatory"],
            single=single_names,
            first_asked=rules.get("first_name") != "hidden",
        )
        or (rules.get("email") == "mandatory" and not holders.get(slot, {}).get("email"))
        for slot, rules in name_rules(forms).items()
    )
    return named and all(ask.name in drafts for ask in asked) and all_sound(asked)


def all_sound(asked: list[Ask]) -> bool:
    """Whether every block is in order; they must be bound."""
    return all(ask.block.is_valid() for ask in asked)
