"""The pages that add forms and questions: ready-made forms, copies, archived questions."""

import pytest
from django.utils import translation

from registration_forms.building import publishing, ready_made_forms
from registration_forms.definitions import build, parse
from registration_forms.models import Field, RegistrationForm
from tests.factories.organisers import OrganiserFactory, make_staff
from tests.factories.registration_forms import ask, make_form, only_if, publish
from tests.staff import Staff, change, listing
from ticketshop.history import history

pytestmark = pytest.mark.django_db


@pytest.fixture
def organiser():
    return OrganiserFactory(languages=["fr", "en"])


@pytest.fixture
def staff(organiser):
    return Staff(make_staff(organiser, "back office"))


@pytest.fixture
def form(organiser):
    return make_form("tariff", organiser=organiser, name="Participants")


def adding(form) -> str:
    return f"{change(form).removesuffix('change/')}add-question/"


def add(staff: Staff, form, button: str = "_save", **values):
    staff.open(adding(form))
    return staff.fill("^type$", values, button=(button, "x"))


def test_question_with_choices_and_condition_is_added_on_one_page(staff, form):
    eats = ask(form, "Mange ?", "yes_no", label_fr="Mange ?")
    add(
        staff,
        form,
        label="Quel repas ?",
        label_en="Which meal?",
        type="single_choice",
        mandatory="on",
        lines="Viande\r\nPoisson\r\n\r\nVégane\r\nPoisson",
        lines_en="Meat\r\nFish\r\nVegan",
        help_text="Le *soir*",
        when1_question=eats.key,
        when1_op="is",
        when1_choice="yes",
    )
    meal = form.fields.get(label_fr="Quel repas ?")
    assert staff.page.url == f"{change(form)}#question-{meal.pk}".split("#")[0]
    assert "“Which meal?” is added." in staff.page.text
    assert (meal.label_en, meal.help_text_fr, meal.visibility) == ("Which meal?", "Le *soir*", "mandatory")
    assert meal.condition == only_if(eats, "yes")
    labels = list(meal.choices.order_by("position").values_list("label_fr", "label_en"))
    assert labels == [("Viande", "Meat"), ("Poisson", "Fish"), ("Végane", "Vegan")]
    assert publish(form).number == 1
    # And another one, and one that is described further.
    add(staff, form, "_addanother", label="Taille", type="text")
    assert staff.page.url == adding(form)
    add(staff, form, "_more", label="Bus", type="dropdown")
    assert staff.page.url == change(form.fields.get(label_fr="Bus"))


def test_text_fields_have_their_language_in_the_label(staff, form):
    """In an English back office the texts that buyers read first are French."""
    staff.open(adding(form))
    for text in (
        "Question (French)",
        "Question (English)",
        "Choices (French)",
        "Choices (English)",
        "Help (French)",
    ):
        assert text in staff.page.text
    source = staff.page.source
    for name, code in (("label", "fr"), ("label_en", "en"), ("lines", "fr"), ("lines_en", "en")):
        tag = next(one for one in source.split("<") if f'name="{name}"' in one)
        assert f'lang="{code}"' in tag
    staff.open(change(ask(form, "Menu", "dropdown", choices=["Soup"])))
    for text in ("Label (French)", "Label (English)", "Help (French)", "What it is needed for (English)"):
        assert text in staff.page.text


# Typed values and what is said about them. Names in capitals stand for the keys of questions and of a choice.
REFUSED = [
    ({"type": "text", "label": ""}, "Enter what the question asks."),
    ({"type": "text", "label": "A", "lines": "One"}, "This type has no choices."),
    (
        {"type": "dropdown", "label": "A", "lines": "One\nTwo", "lines_en": "1"},
        "These are 1 lines, and there are 2 choices",
    ),
    ({"type": "dropdown", "label": "A", "lines": "x" * 501}, "Line 1 has more than 500 characters."),
    (
        {"type": "dropdown", "label": "A", "lines": "\n".join(map(str, range(301)))},
        "A question has at most 300 choices",
    ),
    ({"type": "text", "label": "A", "when1_op": "is"}, "Choose the question whose answer decides."),
    ({"type": "text", "label": "A", "when2_text": "x"}, "Choose the question whose answer decides."),
    ({"type": "text", "label": "A", "when1_question": "EARLY"}, "Choose how the answer must be."),
    (
        {"type": "text", "label": "A", "when1_question": "EARLY", "when1_op": "is"},
        "Choose an answer, or enter one.",
    ),
    (
        {"type": "text", "label": "A", "when1_question": "EARLY", "when1_op": "is", "when1_choice": "no"},
        "“Early” has no such answer.",
    ),
    (
        {
            "type": "text",
            "label": "A",
            "when1_question": "BUS",
            "when1_op": "is",
            "when1_choice": "RED",
            "when1_text": "x",
        },
        "Choose an answer or enter one, not both.",
    ),
    (
        {
            "type": "text",
            "label": "A",
            "when1_question": "BUS",
            "when1_op": "filled",
            "when1_choice": "RED",
        },
        "This compares with no answer",
    ),
    (
        {"type": "text", "label": "A", "when1_question": "WISH", "when1_op": "is", "when1_choice": "RED"},
        "“Wish” has no such answer.",
    ),
    (
        {"type": "text", "label": "A", "when1_question": "BUS", "when1_op": "is", "when1_choice": "yes"},
        "“Bus” has no such answer.",
    ),
    (
        {"type": "text", "label": "A", "when1_question": "HIDDEN", "when1_op": "filled"},
        "“Hidden”, which is hidden",
    ),
]


def test_incomplete_input_is_refused_and_kept_in_the_form(staff, form):
    bus = ask(form, "Bus", "dropdown", choices=["Red"])
    keys = {
        "BUS": bus.key,
        "RED": bus.choices.get().key,
        "WISH": ask(form, "Wish").key,
        "EARLY": ask(form, "Early", "date").key,
        "HIDDEN": ask(form, "Hidden", visibility="hidden").key,
    }
    before = form.fields.count()
    empty = staff.open(adding(form)).form("^type$")
    for typed, sentence in REFUSED:
        values = {name: keys.get(value, value) for name, value in typed.items()}
        page = staff.submit(empty, values, button=("_save", "x"))
        assert any(sentence in one for one in staff.errors), (sentence, staff.errors)
        kept = page.form("^type$").values
        assert {name: kept[name].replace("\r\n", "\n") for name in values if name in kept} == values, sentence
    assert form.fields.count() == before


def test_conditions_offer_only_questions_that_can_decide(staff, form):
    usable = ask(form, "Usable", "yes_no")
    ask(form, "Hidden", visibility="hidden")
    ask(form, "First name", system_ref="first_name")
    ask(form, "A heading", "static_text")
    own, later = ask(form, "Own"), ask(form, "Later")
    staff.open(adding(form))
    assert staff.page.form("^type$").choices["when1_question"] == ["", usable.key, own.key, later.key]
    staff.open(change(own))
    assert staff.page.form("^_save$").choices["when1_question"] == ["", usable.key]


def test_known_field_is_added_once(staff, form):
    add(staff, form, type="known:phone", mandatory="on")
    phone = form.fields.get(system_ref="phone")
    assert (phone.type, phone.label_fr, phone.label_en, phone.visibility) == (
        "phone",
        "Téléphone",
        "Phone",
        "mandatory",
    )
    staff.open(adding(form))
    assert "known:phone" not in staff.page.form("^type$").choices["type"]


# --- ready-made forms --------------------------------------------------------------------------------------
@pytest.mark.parametrize("one", ready_made_forms.READY_MADE, ids=lambda one: one.code)
def test_ready_made_form_is_publishable_unchanged_in_both_languages(staff, organiser, one):
    staff.open(f"{listing(RegistrationForm)}add/")
    staff.save(name="Mine", kind=f"{one.kind}:{one.code}")
    form = RegistrationForm.objects.get()
    assert (form.kind, form.organiser) == (one.kind, organiser)
    draft = parse(build(form))
    assert publishing.missing_translations(form, draft) == {}
    assert publishing.problems_of(form, draft) == []
    own = [question for question in draft.questions if not question.system_ref]
    assert len(own) == len(one.questions)
    for question, meant in zip(own, one.questions, strict=True):
        with translation.override("fr"):
            french = str(meant.label)
        assert (question.labels["en"], question.labels["fr"]) == (str(meant.label), french)
        assert french != str(meant.label)
        assert len(question.options) == len(meant.choices)
    for ref, visibility in one.known.items():
        assert form.fields.get(system_ref=ref).visibility == visibility
    assert publish(form).number == 1


def test_empty_form_starts_with_the_known_fields_of_its_kind(staff):
    staff.open(f"{listing(RegistrationForm)}add/")
    staff.save(name="Mine", kind="tariff")
    assert [one.system_ref for one in RegistrationForm.objects.get().fields.all()] == [
        "first_name",
        "last_name",
    ]
    staff.open(f"{listing(RegistrationForm)}add/")
    staff.save(name="Mine", kind="tariff:contact")
    assert any("valid choice" in one for one in staff.errors)


def test_ready_made_form_has_english_texts_for_a_first_language_the_interface_lacks():
    form = RegistrationForm.objects.create(
        organiser=OrganiserFactory(languages=["de"]), kind="tariff", name="A"
    )
    ready_made_forms.add_questions(form, ready_made_forms.BY_CODE["meal"])
    assert form.fields.get(type="yes_no").label_de == "Do you eat with us?"


# --- copies and restored questions ---------------------------------------------------------------------------
def test_duplicate_of_a_question_follows_it(staff, form):
    early = ask(form, "Early", "yes_no")
    menu = ask(
        form, "Menu", "dropdown", choices=[("Soup", 5), "Fish"], condition=only_if(early, "yes"), rules={}
    )
    menu.choices.update(label_fr="Plat", used=2)
    ask(form, "Late")
    staff.open(change(form))
    staff.fill("^revision$", button=("_duplicate", str(menu.pk)))
    made = form.fields.exclude(pk=menu.pk).get(type="dropdown")
    assert staff.page.url == change(made)
    assert [one.label for one in form.fields.order_by("position", "pk")] == ["Early", "Menu", "Menu", "Late"]
    assert form.fields.order_by("position", "pk")[2] == made
    assert made.key != menu.key
    assert (made.condition, made.system_ref) == (menu.condition, "")
    choices = list(made.choices.values_list("label_en", "label_fr", "capacity", "used"))
    assert choices == [("Soup", "Plat", 5, 0), ("Fish", "Plat", None, 0)]
    assert not set(made.choices.values_list("key")) & set(menu.choices.values_list("key"))
    assert history.of(form).filter(action="question_added").exists()
    foreign = ask(make_form("tariff"), "Another's")
    mover = staff.open(change(form)).form("^revision$")
    for nonsense in (str(foreign.pk), "x", "", "99999999"):
        assert staff.send("POST", change(form), {**mover.values, "_duplicate": nonsense}).status == 403


def test_copy_of_a_known_field_is_an_ordinary_question(staff, form):
    phone = ask(form, "Phone", "phone", system_ref="phone")
    staff.open(change(form))
    staff.fill("^revision$", button=("_duplicate", str(phone.pk)))
    assert form.fields.exclude(pk=phone.pk).get().system_ref == ""


def test_archived_question_is_restored(staff, form):
    first, second = ask(form, "First"), ask(form, "Second")
    publish(form)
    staff.press(first, "archive")
    staff.open(change(form))
    assert "Archived questions" in staff.page.text
    assert staff.page.link("First") == change(first)
    staff.press(first, "restore")
    assert "The question is back." in staff.page.text
    first.refresh_from_db()
    assert first.archived_at is None
    assert [one.label for one in form.fields.order_by("position", "pk")] == ["Second", "First"]
    assert history.of(form).filter(action="question_restored").exists()
    staff.open(change(form))
    assert "Archived questions" not in staff.page.text
    assert second.archived_at is None


def test_known_field_is_not_restored_while_another_replaces_it(staff, form):
    old = ask(form, "Phone", "phone", system_ref="phone")
    staff.press(old, "archive")
    ask(form, "Mobile", "phone", system_ref="phone")
    staff.press(old, "restore")
    assert "another question took its place" in staff.page.text
    assert Field.objects.get(pk=old.pk).archived_at is not None


def test_rare_settings_are_folded_until_they_are_used(staff, form):
    early = ask(form, "Early", "yes_no")
    plain = ask(form, "Plain", "dropdown", choices=["Soup"])
    full = ask(form, "Full", help_text="Help", condition=only_if(early, "yes"), on_ticket=True)
    staff.open(change(plain))
    assert staff.page.source.count("<summary>") >= 3
    # The choices come before the folded parts.
    assert staff.page.source.index("choices-0-label_fr") < staff.page.source.index("When it is asked")
    folded = staff.page.source.count("<summary>")
    staff.open(change(full))
    assert staff.page.source.count("<summary>") == folded - 3
