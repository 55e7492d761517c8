"""One contract for every type of question."""

from datetime import UTC, date, datetime, time
from decimal import Decimal

import pytest
from django.utils import timezone, translation
from django.utils.datastructures import MultiValueDict

from registration_forms.answers import responses
from registration_forms.answers.blocks import Block
from registration_forms.definitions import Option, Question, of_version, parse
from registration_forms.field_types import TYPES, QuestionContext
from registration_forms.models import Answer
from tests.factories.registration_forms import ask, make_form, make_given, publish
from ticketshop.lib.values import countries

NOW = datetime(2027, 6, 1, 10, tzinfo=UTC)
CHOICES = ("Red", "Green", "Blue")
# Type -> typed text and stored value. For choices: indexes of the choices.
SAMPLES = {
    "text": ("  Zoë  ", "Zoë"),
    "long_text": ("one\r\ntwo", "one\ntwo"),
    "number": ("12.5", Decimal("12.5")),
    "email": ("zoe@example.org", "zoe@example.org"),
    "phone": ("079 123 45 67", "+41791234567"),
    "date": ("2027-07-04", date(2027, 7, 4)),
    "time": ("20:15", time(20, 15)),
    "date_time": ("2027-07-04T20:15", datetime(2027, 7, 4, 18, 15, tzinfo=UTC)),
    "birth_date": ("2012-02-29", date(2012, 2, 29)),
    "yes_no": ("no", False),
    "consent": ("on", True),
    "single_choice": (1, 1),
    "dropdown": (2, 2),
    "multiple_choice": ([0, 2], [0, 2]),
    "country": ("CH", "CH"),
    "address": (["Rue du Lac 1", "1000", "Lausanne", "CH"], "Rue du Lac 1\t1000\tLausanne\tCH"),
    "url": ("https://example.org/a?b=1", "https://example.org/a?b=1"),
}
RULES = {"number": {"decimals": 1}}
ANSWERED = [code for code, made in TYPES.items() if made.answers]
LONG = "a" * 10**5
HOSTILE = [
    "<script>alert(1)</script>", '"><img src=x onerror=alert(1)>', "{{7*7}}", "{% debug %}", "' OR 1=1 --", "%", "\\",
    "\x00", "a\x00b", "\r\n", "\t", "\x1b[0m", "\u2028", "\ud800", "a\udfffb", "\u202eevil", "\u200b", "e\u0301",
    "Z\u0351\u036b\u0343", "👩‍👩‍👧", LONG, "-1", "0", "1.5", "1e9", "1e999999", "1" + "0" * 30, "NaN", "Infinity", "１２", "0x10",
    " ", "", "30.02.2027", "2027-02-30", "0000-00-00", "9999-12-31", "9999-12-31T23:59", "0001-01-01", "0001-01-01T00:00",
    "2027-03-28T02:30", "24:00", "25:61", "javascript:alert(1)", "data:text/html,x", "http://[", "https://" + "a" * 600,
    "x@y.z\nBcc: all@example.org", "a@b", "a@@b", "@", "../", "10e20", "=1+1", "+41 79", "None", "[]", "{}",
]  # fmt: skip


@pytest.fixture(autouse=True)
def at_home():
    with timezone.override("Europe/Zurich"), translation.override("en"):
        yield


def asked_form(code: str, **values):
    form = make_form()
    field = ask(
        form,
        f"Question {code}",
        code,
        choices=CHOICES if TYPES[code].has_choices else (),
        rules=RULES.get(code, {}),
        label_fr=f"Demande {code}",
        help_text="Help *me*",
        **values,
    )
    version = publish(form)
    return field, version, of_version(version)


def by_number(field, value):
    keys = [choice.key for choice in field.choices.order_by("position")]
    return [keys[one] for one in value] if isinstance(value, list) else keys[value]


def sample(field):
    typed, stored = SAMPLES[field.type]
    if TYPES[field.type].has_choices:
        return by_number(field, typed), by_number(field, stored)
    return typed, stored


def block(definition, values: dict, **asked) -> Block:
    typed = {key: one if isinstance(one, list) else [one] for key, one in values.items()}
    posted = MultiValueDict()
    for key, texts in typed.items():
        posted.update(MultiValueDict(TYPES[definition.by_key[key].type].as_posted(key, texts)))
    return Block(
        definition, posted, question_context=QuestionContext(**{"now": NOW, "day": date(2027, 7, 4), **asked})
    )


def store(version, answers: dict):
    return responses.store(
        [make_given(version, answers)], organiser=version.form.organiser, language="en", now=NOW
    )[0]


def test_every_type_has_a_sample():
    assert set(ANSWERED) - set(SAMPLES) == set(), "add a typed text and its stored value to SAMPLES"
    assert set(SAMPLES) - set(ANSWERED) == set(), "there is no such type"


@pytest.mark.django_db
@pytest.mark.parametrize("code", ANSWERED)
def test_type_stores_and_reads_back_its_values(code):
    field, version, definition = asked_form(code)
    typed, stored = sample(field)
    filled = block(definition, {field.key: typed})
    assert filled.is_valid(), filled.errors
    assert filled.answers == {field.key: stored}
    row = Answer.objects.get(response=store(version, filled.answers))
    assert row.state == Answer.State.ANSWERED
    column = TYPES[code].column
    filled_columns = {name for name in responses.COLUMNS if getattr(row, name) is not None}
    assert filled_columns == ({column} - {"choices"})
    assert responses.value_of(row) == stored
    assert responses.read(row.response) == {field.key: stored}
    # Conditions and history get the same value from the typed and from the stored answer.
    assert TYPES[code].to_json(responses.value_of(row)) == TYPES[code].to_json(stored)
    assert TYPES[code].from_json(TYPES[code].to_json(stored)) == stored


@pytest.mark.django_db
@pytest.mark.parametrize("code", ANSWERED)
def test_type_shows_label_help_and_answer(code):
    field, _version, definition = asked_form(code)
    _typed, stored = sample(field)
    shown = {}
    for language in ("en", "fr"):
        with translation.override(language):
            page = block(definition, {}).as_p()
            assert definition.questions[0].label == {"en": "Question", "fr": "Demande"}[language] + f" {code}"
            assert definition.questions[0].label in page
            assert "Help <em>me</em>" in page
            shown[language] = TYPES[code].display(definition.questions[0], stored)
            assert shown[language]
            assert TYPES[code].export(definition.questions[0], stored) not in (None, "")
            assert TYPES[code].display(definition.questions[0], None) in (
                "",
                "Not agreed",
                "Pas d’accord",
                "Non accepté",
            )
    assert shown["en"] != shown["fr"] or code not in {"yes_no", "consent", "date", "country"}


@pytest.mark.django_db
@pytest.mark.parametrize("code", ANSWERED)
def test_blank_answer_is_refused_only_if_mandatory(code):
    field, version, definition = asked_form(code)
    empty = block(definition, {})
    assert empty.is_valid()
    assert empty.answers == {}
    assert Answer.objects.get(response=store(version, {})).state == Answer.State.BLANK
    field, version, definition = asked_form(code, visibility="mandatory")
    assert list(block(definition, {}).errors) == [field.key]
    assert block(definition, {field.key: sample(field)[0]}).is_valid()


@pytest.mark.scenario("RF-08")
@pytest.mark.django_db
@pytest.mark.parametrize("code", ANSWERED)
def test_no_answer_is_preselected(code):
    field, _version, definition = asked_form(code, visibility="mandatory")
    page = str(Block(definition, question_context=QuestionContext(now=NOW))[field.key])
    assert f'name="{field.key}' in page
    assert "checked" not in page
    assert "selected" not in page.replace('<option value="" selected>', "")


@pytest.mark.scenario("RF-30")
@pytest.mark.django_db
@pytest.mark.parametrize("code", ANSWERED)
def test_hostile_input_is_refused_or_stored_as_plain_text(code):
    field, version, definition = asked_form(code)
    for typed in [*HOSTILE, ["a", "a"], ["\x00", "b"]]:
        filled = block(definition, {field.key: typed})
        filled.as_p().encode("utf-8", "replace")
        if filled.is_valid() and filled.answers:
            response = store(version, filled.answers)
            assert responses.read(response) == filled.answers, repr(typed)[:60]
            value = filled.answers[field.key]
            assert "\x00" not in str(value)
            assert "\u202e" not in str(value)


@pytest.mark.scenario("RF-30")
@pytest.mark.django_db
def test_length_limit_counts_code_points_of_the_stored_text():
    form = make_form()
    field = ask(form, "Short", rules={"max_length": 4})
    definition = of_version(publish(form))
    filled = block(definition, {field.key: "e\u0301" * 4})
    assert filled.is_valid()
    assert filled.answers == {field.key: "é" * 4}
    assert not block(definition, {field.key: "12345"}).is_valid()
    lines = make_form()
    field = ask(lines, "Long", "long_text", rules={"max_length": 3})
    assert block(of_version(publish(lines)), {field.key: "a\r\nb"}).is_valid()


@pytest.mark.scenario("RF-19")
@pytest.mark.django_db
@pytest.mark.parametrize(
    ("typed", "accepted"),
    [
        ("2023-07-04", True), ("2023-07-05", False), ("2011-07-04", False), ("2011-07-05", True),
        ("2012-02-29", True), ("2012-02-31", False), ("2012", False), ("3027-01-01", False),
    ],
)  # fmt: skip
def test_age_counts_on_the_day_of_the_ticket(typed, accepted):
    form = make_form()
    field = ask(form, "Born", "birth_date", rules={"age_from": 4, "age_until": 15})
    definition = of_version(publish(form))
    for language, words in (
        ("en", "Enter a date from 5 July 2011 to 4 July 2023."),
        ("fr", "5 juillet 2011"),
    ):
        with translation.override(language):
            filled = block(definition, {field.key: typed})
            assert filled.is_valid() is accepted
            if not accepted:
                assert words in filled.errors[field.key][0].replace("\xa0", " ")
    # A day later another birthday is accepted, because the date of the ticket counts.
    assert block(definition, {field.key: "2023-07-05"}, day=date(2027, 7, 5)).is_valid()


@pytest.mark.scenario("RF-08")
@pytest.mark.django_db
def test_consent_is_one_checkbox_and_multiple_choice_counts():
    form = make_form()
    rules = ask(form, "I accept the rules", "consent", visibility="mandatory")
    workshops = ask(
        form,
        "Workshops",
        "multiple_choice",
        choices=["A", "B", "C", "D"],
        rules={"min": 1, "max": 2},
        visibility="mandatory",
    )
    keys = [choice.key for choice in workshops.choices.all()]
    definition = of_version(publish(form))
    accepted = {
        True: {rules.key: "on", workshops.key: keys[:1]},
        False: {rules.key: "on", workshops.key: keys[:3]},
    }
    for valid, values in accepted.items():
        assert block(definition, values).is_valid() is valid
    assert not block(definition, {workshops.key: keys[:1]}).is_valid()


@pytest.mark.scenario("RF-38")
@pytest.mark.django_db
def test_deactivated_choice_may_be_kept():
    form = make_form()
    field = ask(form, "Size", "single_choice", choices=["S", "L"])
    large = field.choices.get(label="L")
    large.active = False
    large.save()
    definition = of_version(publish(form))
    assert not block(definition, {field.key: large.key}).is_valid()
    assert large.key not in str(block(definition, {}))
    assert block(definition, {field.key: large.key}, stored=large.key).is_valid()


def test_choice_without_translation_shows_the_first_language():
    option = Option("k3y", {"fr": "Rouge"}, active=True, limited=False)
    asked = Question(
        "q",
        "single_choice",
        {"fr": "Couleur"},
        {},
        {},
        "visible",
        "",
        {},
        {},
        False,
        True,
        False,
        False,
        (option,),
    )
    with translation.override("de"):
        assert TYPES["single_choice"].display(asked, "k3y") == "Rouge"
        assert "Rouge" in str(
            TYPES["single_choice"].form_field(asked, QuestionContext()).widget.render("q", None)
        )


@pytest.mark.parametrize(
    ("kind", "rules", "hint"),
    [
        ("multiple_choice", {"min": 1, "max": 3}, "Choose at most 3."),
        ("multiple_choice", {"min": 2, "max": 3}, "Choose 2 to 3."),
        ("multiple_choice", {"min": 2, "max": 2}, "Choose 2."),
        ("multiple_choice", {"min": 2}, "Choose at least 2."),
        ("multiple_choice", {}, ""),
        ("number", {"min": 1, "max": 50}, "From 1 to 50."),
        ("number", {"min": 0.5, "decimals": 2}, "0.5 or more. Up to 2 digits after the point."),
        ("number", {"max": 3}, "3 at most."),
        ("number", {}, ""),
        ("text", {"max_length": 20}, "At most 20 characters."),
        ("long_text", {"max_length": 1}, "At most 1 character."),
        ("date", {"from": "2027-07-01", "until": "2027-07-04"}, "From 1 July 2027 to 4 July 2027."),
        ("date", {"from": "2027-07-01"}, "From 1 July 2027 on."),
        ("date", {"until": "2027-07-04"}, "Until 4 July 2027."),
        ("birth_date", {"age_from": 4, "age_until": 15}, "From 4 to 15 years old on 4 July 2027."),
        ("birth_date", {"age_from": 18}, "18 years old or more on 4 July 2027."),
        ("birth_date", {"age_until": 0}, "0 years old at most on 4 July 2027."),
        ("birth_date", {}, ""),
        ("email", {}, ""),
    ],
)
def test_limits_of_an_answer_are_shown_beside_the_field(kind, rules, hint):
    one = {"key": "q", "type": kind, "label": {"en": "Q"}, "rules": rules}
    where = QuestionContext(day=date(2027, 7, 4))
    assert Block(parse({"fields": [one]}), question_context=where).fields["q"].help_text == hint
    both = (
        Block(parse({"fields": [{**one, "help": {"en": "Some *help*"}}]}), question_context=where)
        .fields["q"]
        .help_text
    )
    assert "<em>help</em>" in both
    assert (f"<p>{hint}</p>" in both) is bool(hint)


def test_places_left_are_shown_beside_the_choice():
    choices = [{"key": key, "label": {"en": key}, "limited": True} for key in ("a", "b", "c")]
    one = {"key": "q", "type": "single_choice", "label": {"en": "Q"}, "choices": choices}
    where = QuestionContext(sold_out=frozenset("a"), left={"a": 0, "b": 1})
    labels = [
        label for _key, label in Block(parse({"fields": [one]}), question_context=where).fields["q"].choices
    ]
    assert labels == ["a (sold out)", "b (1 place left)", "c"]


@pytest.mark.parametrize(
    ("kind", "drawn"),
    [
        ("single_choice", '<span lang="de">Ä</span> (1 place left)'),
        ("dropdown", ">Ä (1 place left)</option>"),
    ],
)
def test_choice_in_another_language_has_a_lang_attribute_beside_its_places(kind, drawn):
    choices = [{"key": "a", "label": {"de": "Ä"}, "limited": True}]
    one = {"key": "q", "type": kind, "label": {"en": "Q"}, "choices": choices}
    assert drawn in str(Block(parse({"fields": [one]}), question_context=QuestionContext(left={"a": 1}))["q"])


def test_country_list_begins_with_the_organisers_country_and_its_neighbours():
    one = {"key": "q", "type": "country", "label": {"en": "Q"}}
    field = Block(parse({"fields": [one]}), question_context=QuestionContext(country="CH")).fields["q"]
    codes = [code for code, _name in field.choices]
    assert codes[:8] == ["", "CH", "AT", "FR", "DE", "IT", "LI", "AF"]
    assert len(codes) == len(set(codes)) > 200
    plain = Block(parse({"fields": [one]}), question_context=QuestionContext()).fields["q"]
    assert [code for code, _name in plain.choices][:3] == ["", "AF", "AX"]
    assert {code for code, _name in plain.choices} == set(codes)


def test_neighbouring_countries_are_mutual():
    named = countries.names("en")
    for home, codes in countries.NEIGHBOURS.items():
        assert home in named
        for code in codes.split():
            assert code in named
            assert code not in countries.NEIGHBOURS or home in countries.NEIGHBOURS[code].split(), (
                home,
                code,
            )


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("type", "typed", "sentence", "example"),
    [
        (
            "url",
            "exa mple",
            "Enter a web address such as https://www.example.org.",
            "https://www.example.org",
        ),
        ("url", "ftp://example.org", "Enter a web address such as https://www.example.org.", "example.org"),
        ("time", "half past two", "Enter a time such as 14:30.", "14:30"),
        ("date_time", "soon", "Enter a date and a time such as 31.12.2027 14:30.", "31.12.2027 14:30"),
        ("number", "many", "Enter a whole number such as 12.", "12"),
        ("number", "12,5", "Enter a whole number such as 12.", "12"),
    ],
)
def test_error_message_contains_an_accepted_example(type, typed, sentence, example):
    form = make_form()
    field = ask(form, "Question", type)
    definition = of_version(publish(form))
    refused = block(definition, {field.key: typed})
    assert refused.errors == {field.key: [sentence]}
    assert block(definition, {field.key: example}).is_valid()


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("decimals", "sentence", "examples"),
    [
        (1, "Enter a number such as 12.5 or 12,5.", ["12.5", "12,5"]),
        (2, "Enter a number such as 12.50 or 12,50.", ["12.50", "12,50"]),
    ],
)
def test_example_of_a_number_has_accepted_decimals(decimals, sentence, examples):
    form = make_form()
    field = ask(form, "Number", "number", rules={"decimals": decimals})
    definition = of_version(publish(form))
    assert block(definition, {field.key: "many"}).errors == {field.key: [sentence]}
    assert all(block(definition, {field.key: example}).is_valid() for example in examples)
