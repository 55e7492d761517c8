"""The forms of the two demo organisers, per order, participant and pass, and the answers of past visitors."""

import random
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta

from django.db.models import Model

from registration_forms import conditions, definitions
from registration_forms.answers import responses
from registration_forms.building import publishing
from registration_forms.definitions import Definition, Question
from registration_forms.field_types import TYPES
from registration_forms.models import Choice, Field, FormVersion, RegistrationForm
from ticketshop.catalogue.models import OrderForm, SeasonPass, Tariff
from ticketshop.sales.models import IssuedPass, Order, OrderResponse, Ticket

from .catalogue import Shop
from .past_orders.ledger import Entry
from .programme.plan import Both, both

OPTIONAL = 0.6  # share of optional questions that are answered
NOTHING = both("", "")


@dataclass(frozen=True)
class Ask:
    """A question.

    ``choices`` are texts with their number of places (None: unlimited). ``only_if`` is the index of an earlier yes-or-no question.
    """

    label: Both
    type: str
    choices: Sequence[tuple[Both, int | None]] = ()
    only_if: int | None = None
    columns: dict = field(default_factory=dict)
    purpose: Both = NOTHING
    help: Both = NOTHING


@dataclass(frozen=True)
class Plan:
    """A form: for orders, for passes, or for these tariffs of these shows (slugs)."""

    kind: str
    name: str
    asks: Sequence[Ask]
    shows: tuple[str, ...] = ()
    tariffs: tuple[str, ...] = ()


MANDATORY = {"visibility": Field.Visibility.MANDATORY}
HEARD = Ask(
    both("How did you hear of us?", "Comment nous avez-vous connus ?"),
    "dropdown",
    [
        (both("A poster in town", "Une affiche en ville"), None),
        (both("Friends or family", "Des proches"), None),
        (both("Newspaper or radio", "La presse ou la radio"), None),
        (both("I have been here before", "Je suis déjà venu"), None),
    ],
)
NEWSLETTER = Ask(
    both(
        "Send me the programme by e-mail, four times a year.",
        "Envoyez-moi le programme par e-mail, quatre fois par an.",
    ),
    "consent",
)
ALLERGIES = Ask(
    both("Allergies", "Allergies"),
    "text",
    columns={"sensitive": True, "retention_days": 28},
    purpose=both("the snack in the interval", "le goûter à l’entracte"),
)
PHOTOS = Ask(
    both("My child may be seen on photos of the performance.", "Mon enfant peut figurer sur les photos."),
    "consent",
    columns={"copyable": False, "at_door": True},
)
SEAT = Ask(
    both("Which seat do you need?", "De quelle place avez-vous besoin ?"),
    "single_choice",
    [
        (both("Any seat will do", "N’importe laquelle"), None),
        (both("A place for a wheelchair", "Une place pour fauteuil roulant"), 12),
        (both("Near the aisle", "Près de l’allée"), None),
        (both("With the induction loop", "Avec la boucle magnétique"), None),
    ],
    columns=MANDATORY,
)
SIZES = Ask(
    both("Size of your T-shirt", "Taille de votre t-shirt"),
    "dropdown",
    [(both(size, size), None) for size in ("S", "M", "L", "XL")],
    columns={**MANDATORY, "on_ticket": True},
)

FORMS = {
    "theatre": (
        Plan("order", "Order", (HEARD, NEWSLETTER)),
        Plan(
            "tariff",
            "Children",
            (
                Ask(
                    both("Date of birth", "Date de naissance"),
                    "birth_date",
                    columns={
                        **MANDATORY,
                        "system_ref": "birth_date",
                        "rules": {"age_until": 15},
                        "copyable": False,
                    },
                    help=both("The price is for children up to 15 years.", "Le tarif vaut jusqu’à 15 ans."),
                ),
                ALLERGIES,
                PHOTOS,
            ),
            ("nino-et-la-lune-perdue", "histoires-sous-la-table"),
            ("child",),
        ),
        Plan(
            "tariff",
            "Workshop",
            (
                Ask(
                    both(
                        "Do you come to the workshop an hour before?",
                        "Venez-vous à l’atelier une heure avant ?",
                    ),
                    "yes_no",
                    columns=MANDATORY,
                ),
                Ask(
                    both(
                        "Which instrument would you like to play?", "De quel instrument aimeriez-vous jouer ?"
                    ),
                    "single_choice",
                    [
                        (both("Saucepans", "Casseroles"), 24),
                        (both("Bottles", "Bouteilles"), 16),
                        (both("A saw", "Scie musicale"), 6),
                        (both("Whatever is left", "Ce qui reste"), None),
                    ],
                    only_if=0,
                    columns=MANDATORY,
                ),
            ),
            ("le-bal-des-casseroles",),
            ("adult", "reduced", "child", "family"),
        ),
        Plan("pass", "Season", (SEAT,)),
    ),
    "festival": (
        Plan(
            "order",
            "Getting here",
            (
                HEARD,
                Ask(both("Do you stay overnight?", "Restez-vous pour la nuit ?"), "yes_no"),
                Ask(
                    both("Camping on the meadow", "Camping sur le pré"),
                    "single_choice",
                    [
                        (both("A small tent", "Une petite tente"), 60),
                        (both("A camper van", "Un camping-car"), 12),
                        (both("We sleep elsewhere", "Nous dormons ailleurs"), None),
                    ],
                    only_if=1,
                    columns=MANDATORY,
                ),
                NEWSLETTER,
            ),
        ),
        Plan(
            "tariff",
            "On the boat",
            (
                Ask(both("Can you swim?", "Savez-vous nager ?"), "yes_no", columns=MANDATORY),
                Ask(
                    both("Bus back to the station", "Bus de retour à la gare"),
                    "single_choice",
                    [
                        (both("Bus at 21:00", "Bus de 21 h"), 50),
                        (both("Bus at 22:00", "Bus de 22 h"), 50),
                        (both("No bus", "Sans bus"), None),
                    ],
                    columns={"on_ticket": True},
                ),
            ),
            ("the-crossing",),
            ("adult", "reduced", "child"),
        ),
        Plan("pass", "Weekend", (SIZES,)),
    ),
}


def write(shop: Shop, now: datetime) -> None:
    """Write and publish the forms of an organiser, and set where they are asked."""
    for plan in FORMS[shop.house.slug]:
        form = RegistrationForm.objects.create(
            organiser=shop.pos.organiser, kind=plan.kind, name=f"{shop.house.slug}: {plan.name}"
        )
        asked: list[Field] = []
        for position, ask in enumerate(plan.asks, start=1):
            asked.append(_question(form, ask, position, asked))
        publishing.publish(form, by=None, now=now)
        form.refresh_from_db()
        _assign(shop, plan, form)


def _question(form: RegistrationForm, ask: Ask, position: int, before: list[Field]) -> Field:
    condition = {}
    if ask.only_if is not None:
        condition = {"all": [{"field": before[ask.only_if].key, "op": "is", "value": "yes"}]}
    made = Field.objects.create(
        form=form,
        type=ask.type,
        position=position,
        condition=condition,
        **ask.label.columns("label"),
        **ask.purpose.columns("purpose"),
        **ask.help.columns("help_text"),
        **ask.columns,
    )
    Choice.objects.bulk_create(
        [
            Choice(field=made, position=number, capacity=places, **text.columns("label"))
            for number, (text, places) in enumerate(ask.choices)
        ]
    )
    return made


def _assign(shop: Shop, plan: Plan, form: RegistrationForm) -> None:
    if plan.kind == "order":
        OrderForm.objects.create(form=form, point_of_sale=shop.pos)
    elif plan.kind == "pass":
        passes = [sold for _plan, sold in shop.passes]
        _set_form(form, passes)
        SeasonPass.objects.bulk_update(passes, ["form"])
    else:
        tariffs = {
            offer.tariff.pk: offer.tariff
            for date_on_sale in shop.dates
            if date_on_sale.show.slug in plan.shows
            for name, offer in date_on_sale.offers.items()
            if name in plan.tariffs
        }
        _set_form(form, tariffs.values())
        Tariff.objects.bulk_update(tariffs.values(), ["form"])


def _set_form(form: RegistrationForm, things) -> None:
    for thing in things:
        thing.form = form


@dataclass(frozen=True)
class _PlannedResponse:
    """A response to be written, with the row that refers to it."""

    response: responses.NewResponse
    entry: Entry
    row: Model


class Answerer:
    """Answers the forms of an organiser at random, the same way at every filling."""

    def __init__(self, shop: Shop, entries: list[Entry]):
        self.shop, self.entries = shop, entries
        self.rng = random.Random(shop.house.seed * 7)
        self.order_form = OrderForm.objects.select_related("form__published").get(point_of_sale=shop.pos).form
        self.choices = {
            (choice.field.form_id, choice.key): choice
            for choice in Choice.objects.filter(field__form__organiser=shop.pos.organiser).select_related(
                "field"
            )
        }

    def write(self) -> None:
        """Write all responses, with a few queries per language."""
        planned = [planned_response for entry in self.entries for planned_response in self._of(entry)]
        of_orders: list[OrderResponse] = []
        for language in sorted({planned_response.entry.order.language for planned_response in planned}):
            in_language = [
                planned_response
                for planned_response in planned
                if planned_response.entry.order.language == language
            ]
            unsaved = responses.new(
                [planned_response.response for planned_response in in_language],
                organiser=self.shop.pos.organiser,
                language=language,
                now=in_language[0].entry.order.placed_at,
            )
            for response, planned_response in zip(unsaved.responses, in_language, strict=True):
                response.created_at = response.changed_at = planned_response.entry.order.placed_at
                response.void = not planned_response.entry.sale.counts
            for response, planned_response in zip(responses.insert(unsaved), in_language, strict=True):
                if isinstance(planned_response.row, Order):
                    of_orders.append(OrderResponse(order=planned_response.row, response=response))
                else:
                    planned_response.row.response = response
        OrderResponse.objects.bulk_create(of_orders, batch_size=500)
        for model in (Ticket, IssuedPass):
            rows = [
                planned_response.row
                for planned_response in planned
                if isinstance(planned_response.row, model)
            ]
            model.objects.bulk_update(rows, ["response"], batch_size=500)
        limited = [choice for choice in self.choices.values() if choice.capacity is not None]
        Choice.objects.bulk_update(limited, ["used"])

    def _of(self, entry: Entry):
        ends = [self._ends(line) for line in entry.lines]
        yield self._answer(entry, entry.order, self.order_form, max(ends), entry.order.placed_at.date())
        for row in (*entry.tickets, *entry.passes):
            thing = row.line.offer.tariff if row.line.offer else row.line.season_pass
            if thing.form:
                day = row.line.session_starts_at.date() if row.line.offer else thing.valid_from
                yield self._answer(entry, row, thing.form, self._ends(row.line), day)

    def _ends(self, line) -> datetime:
        if line.offer:
            return line.offer.session.ends_at
        return datetime.combine(line.season_pass.valid_until, datetime.max.time(), self.shop.house.zone)

    def _answer(
        self, entry: Entry, row: Model, form: RegistrationForm, ends: datetime, day: date
    ) -> _PlannedResponse:
        version: FormVersion = form.published
        answers = self._answers(
            form, definitions.of_version(version), day, entry.order.language, entry.sale.counts
        )
        about = getattr(row, "beneficiary_id", None) or entry.order.buyer_id
        return _PlannedResponse(responses.NewResponse(version, answers, about, ends), entry, row)

    def _answers(
        self, form: RegistrationForm, definition: Definition, day: date, language: str, counts: bool
    ) -> dict[str, object]:
        known: dict[str, object] = {}
        answers: dict[str, object] = {}
        for question in definition.questions:
            if not conditions.is_met(question.condition, known):
                continue
            known[question.key] = None
            if question.mandatory or self.rng.random() < OPTIONAL * (0.2 if question.sensitive else 1):
                value = self._value(form, question, day, language, counts)
                answers[question.key] = value
                known[question.key] = TYPES[question.type].to_json(value)
        return answers

    def _value(self, form: RegistrationForm, question: Question, day: date, language: str, counts: bool):
        if question.type == "consent":
            return True
        if question.type == "yes_no":
            return self.rng.random() < 0.6
        if question.type == "birth_date":
            return day - timedelta(days=self.rng.randint(4 * 366, 14 * 365))
        if question.options:
            return self._choice(form, question, counts)
        english, french = self.rng.choice(ALLERGENS)
        return french if language == "fr" else english

    def _choice(self, form: RegistrationForm, question: Question, counts: bool) -> str:
        """Return the key of a choice with a free place. Count the place if the order takes places."""
        rows = [self.choices[form.pk, option.key] for option in question.options]
        chosen = self.rng.choice([row for row in rows if row.capacity is None or row.used < row.capacity])
        if counts and chosen.capacity is not None:
            chosen.used += 1
        return chosen.key


ALLERGENS = [
    both("nuts", "noix"),
    both("gluten", "gluten"),
    both("milk", "lait"),
    both("strawberries", "fraises"),
]
