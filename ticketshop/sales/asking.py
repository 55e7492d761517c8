"""What the forms of an order ask: a block for the order, one for every participant, one for every pass.

What was typed waits on the cart, as typed, under ``details["answers"]``: block name -> {key: [texts]}. A
ticket's block has the name of its slot, so answers stay with their ticket when others go.
"""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import date, datetime

from django.utils import timezone
from django.utils.datastructures import MultiValueDict
from django.utils.formats import date_format
from django.utils.translation import gettext as _

from registration_forms import definitions, limited, responses
from registration_forms.blocks import Block
from registration_forms.field_types import TYPES, Asked
from registration_forms.models import Choice, FormVersion, RegistrationForm
from ticketshop.catalogue.models import OrderForm

from .contents import Contents
from .models import Cart, CartLine

ORDER = "order"
PARTICIPANTS_PER_PAGE = 20
LONGEST = 5000


@dataclass
class Ask:
    """One form asked once. ``name`` is "order", a slot, or a slot and "+" for what is added to a pass."""

    name: str
    heading: str
    version: FormVersion
    line: CartLine | None = None
    day: date | None = None
    ends_at: datetime | None = None
    block: Block | None = field(default=None, compare=False)

    @property
    def definition(self) -> definitions.Definition:
        return definitions.of_version(self.version)


def order_form(cart: Cart, whole: Contents) -> RegistrationForm | None:
    """The order form of the events in the cart if they agree on one, else the point of sale's; one query."""
    events = {line.offer.session.event_id for line in whole.lines if line.offer}
    rows = OrderForm.objects.filter(form__archived_at=None, form__published__isnull=False).select_related(
        "form__published"
    )
    found = list(rows.filter(event__in=events) | rows.filter(point_of_sale=cart.point_of_sale_id))
    of_events = {row.form_id: row.form for row in found if row.event_id}
    if len(of_events) == 1:
        return next(iter(of_events.values()))
    return next((row.form for row in found if row.point_of_sale_id), None)


def asks(whole: Contents) -> list[Ask]:
    """Every form the cart asks, in the order of the page; two queries at most, none of them per ticket."""
    found = []
    form = order_form(whole.cart, whole)
    if form is not None:
        found.append(Ask(ORDER, _("Your order"), form.published, ends_at=_last_end(whole)))
    forms = _forms_of(whole.lines)
    for line in whole.lines:
        found += _of_offer(line, forms) if line.offer else _of_pass(line, forms)
    return [ask for ask in found if _asks_something(ask.definition)]


def _last_end(whole: Contents) -> datetime:
    """When everything that is ordered is over: what an order form asks is needed until then."""
    return max(_end_of(line) for line in whole.lines)


def _end_of(line: CartLine) -> datetime:
    if line.offer:
        return line.offer.session.ends_at
    midnight = datetime.max.time().replace(microsecond=0)
    return timezone.make_aware(datetime.combine(line.season_pass.valid_until, midnight))


def _asks_something(definition: definitions.Definition) -> bool:
    """Whether there is anything to draw: no empty step or heading is shown."""
    return any(
        question.visibility != "hidden"
        and not question.staff_only
        and question.system_ref not in responses.ELSEWHERE
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
    rows = RegistrationForm.objects.filter(pk__in=ids, archived_at=None, published__isnull=False)
    return {form.pk: form for form in rows.select_related("published")}


def _of_offer(line: CartLine, forms: dict[int, RegistrationForm]) -> list[Ask]:
    form = forms.get(line.offer.tariff.form_id)
    if form is None:
        return []
    session, per_unit = line.offer.session, line.offer.tariff.tickets_per_unit
    leader_only = definitions.of_version(form.published).group_asks == RegistrationForm.Group.LEADER
    starts = timezone.localtime(session.starts_at)
    found = []
    for number, slot in enumerate(line.slots, start=1):
        if leader_only and (number - 1) % per_unit:
            continue
        heading = _("%(name)s – ticket %(number)d of %(count)d – %(date)s") % {
            "name": line.offer.tariff.name,
            "number": number,
            "count": len(line.slots),
            "date": date_format(starts, "j F"),
        }
        found.append(Ask(slot, heading, form.published, line, starts.date(), session.ends_at))
    return found


def _of_pass(line: CartLine, forms: dict[int, RegistrationForm]) -> list[Ask]:
    season_pass, found = line.season_pass, []
    for number, slot in enumerate(line.slots, start=1):
        heading = season_pass.name
        if len(line.slots) > 1:
            heading = _("%(name)s – %(number)d of %(count)d") % {
                "name": heading,
                "number": number,
                "count": len(line.slots),
            }
        ends = _end_of(line)
        for name, form_id in ((slot, season_pass.form_id), (f"{slot}+", season_pass.extra_form_id)):
            if form_id in forms:
                found.append(Ask(name, heading, forms[form_id].published, line, season_pass.valid_from, ends))
    return found


def prefix(ask: Ask) -> str:
    return f"ask-{ask.name.replace('+', 'x')}"


def typed(ask: Ask, post) -> dict[str, list[str]]:
    """What was posted for this block, as typed: only keys of its own definition, each text cut to a length."""
    found = {}
    for question in ask.definition.questions:
        texts = post.getlist(f"{prefix(ask)}-{question.key}")[:300]
        if texts:
            found[question.key] = [text.replace("\x00", "")[:LONGEST] for text in texts]
    return found


def fill(asked: list[Ask], drafts: dict, cart: Cart, *, now: datetime, bound: bool) -> None:
    """Give each ask its block, filled with its draft; ``bound`` checks it. One query for limited choices."""
    gone = _sold_out(asked, cart)
    for ask in asked:
        draft = drafts.get(ask.name, {})
        common = Asked(day=ask.day, now=now, sold_out=gone)
        if bound or draft:
            data = MultiValueDict({f"{prefix(ask)}-{key}": texts for key, texts in draft.items()})
            ask.block = Block(ask.definition, data, prefix=prefix(ask), asked=common)
            if not bound:
                # Shown again as typed, without saying yet what is missing.
                ask.block.full_clean()
                ask.block._errors.clear()
        else:
            ask.block = Block(ask.definition, prefix=prefix(ask), asked=common)
        ask.block.heading = ask.heading


def _sold_out(asked: list[Ask], cart: Cart) -> frozenset[str]:
    forms = {
        ask.version.form_id
        for ask in asked
        if any(option.limited for question in ask.definition.questions for option in question.options)
    }
    if not forms:
        return frozenset()
    ids = dict(Choice.objects.filter(field__form__in=forms, capacity__isnull=False).values_list("pk", "key"))
    return frozenset(ids[pk] for pk in limited.sold_out(ids, cart.key))


def slots(whole: Contents) -> list[str]:
    """The slots of a cart in the order of the page."""
    return [slot for line in whole.lines for slot in line.slots]


def pages(whole: Contents) -> int:
    """How many pages the details take: at most so many participants on each."""
    return max(1, -(-len(slots(whole)) // PARTICIPANTS_PER_PAGE))


def slots_on(whole: Contents, number: int) -> list[str]:
    return slots(whole)[(number - 1) * PARTICIPANTS_PER_PAGE : number * PARTICIPANTS_PER_PAGE]


def on_page(asked: list[Ask], here: list[str], number: int) -> list[Ask]:
    """The blocks on one page: the order's on the first, and those of its participants."""
    known = set(here)
    return [ask for ask in asked if (ask.name == ORDER and number == 1) or ask.name.rstrip("+") in known]


def wanted_choices(asked: list[Ask]) -> dict[str, list[int]]:
    """Block name -> ids of limited choices its answers take; one query."""
    keys = {
        ask.name: [
            key
            for value in ask.block.answers.values()
            for key in (value if isinstance(value, list) else [value])
            if isinstance(key, str)
        ]
        for ask in asked
    }
    forms = {ask.version.form_id for ask in asked}
    rows = Choice.objects.filter(field__form__in=forms, capacity__isnull=False).values_list(
        "pk", "key", "field__form"
    )
    ids = {(form, key): pk for pk, key, form in rows}
    found = {
        ask.name: [
            ids[ask.version.form_id, key] for key in keys[ask.name] if (ask.version.form_id, key) in ids
        ]
        for ask in asked
    }
    return {name: pks for name, pks in found.items() if pks}


def copy_draft(target: Ask, source: Ask, drafts: dict) -> int:
    """Fill the empty copyable answers of ``target`` from ``source``, by key; returns how many."""
    to, copied = dict(drafts.get(target.name, {})), 0
    for key, texts in drafts.get(source.name, {}).items():
        question, theirs = target.definition.question(key), source.definition.question(key)
        if question is None or theirs is None or any(to.get(key, [])):
            continue
        if (
            question.copyable
            and not question.sensitive
            and not theirs.sensitive
            and question.type != "consent"
            and TYPES[question.type].answers
        ):
            to[key], copied = texts, copied + 1
    drafts[target.name] = to
    return copied


def given(asked: list[Ask], about: dict[str, object]) -> list[responses.Given]:
    """The checked answers, to be stored; ``about``: block name -> contact."""
    return [
        responses.Given(ask.version, ask.block.answers, about.get(ask.name), ask.ends_at) for ask in asked
    ]


def all_sound(asked: list[Ask]) -> bool:
    """Whether every block is in order; they must be bound."""
    return all(ask.block.is_valid() for ask in asked)


def taken(asked: list[Ask]) -> Counter:
    """Choice id -> how many places of a limited choice the answers take."""
    return Counter(pk for ids in wanted_choices(asked).values() for pk in ids)
