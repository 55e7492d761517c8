"""The pages of a form and its questions, used without JavaScript."""

import re

import pytest
from django.db.models import F
from django.utils import timezone

from registration_forms.answers.responses import store
from registration_forms.building import publishing
from registration_forms.definitions import build, of_version
from registration_forms.models import Field, RegistrationForm, Response
from tests.factories.catalogue import EventFactory, SeasonPassFactory, TariffFactory
from tests.factories.organisers import PointOfSaleFactory, make_staff
from tests.factories.registration_forms import ask as ask_in_english
from tests.factories.registration_forms import make_form, make_given, only_if, publish
from tests.staff import Staff, change, listing
from tests.visitor import Form
from ticketshop.catalogue.models import OrderForm, Tariff
from ticketshop.history import history

pytestmark = pytest.mark.django_db


@pytest.fixture
def pos():
    return PointOfSaleFactory(organiser__languages=["fr", "en"], name_fr="Guichet")


@pytest.fixture
def staff(pos):
    return Staff(make_staff(pos.organiser, "back office"))


@pytest.fixture
def form(pos):
    return make_form("tariff", organiser=pos.organiser, name="Participants")


def ask(form, label: str, type: str = "text", **values) -> Field:
    """A question with its text in both languages."""
    field = ask_in_english(form, label, type, **{"label_fr": label, **values})
    field.choices.update(label_fr=F("label_en"))
    return field


def button(staff: Staff, row, name: str):
    return staff.open(f"{change(row).removesuffix('change/')}{name}/")


def save(staff: Staff, page_form: Form, **values) -> None:
    """Send the form of a page once more with these values, as after the button *Back*."""
    staff.submit(page_form, values, button=("_save", "Save"))


def labels(form) -> list[str]:
    return list(form.fields.filter(archived_at=None).order_by("position").values_list("label_en", flat=True))


def headings(page) -> list[str]:
    found = re.findall(r'(?s)<h3 id="block[^>]*>(.*?)</h3>', page.source)
    return [" ".join(re.sub("<[^>]*>", "", one).split()) for one in found]


def answer(form, **values) -> Response:
    return store(
        [make_given(form.published, values)], organiser=form.organiser, language="fr", now=timezone.now()
    )[0]


def test_form_is_built_and_published(staff, pos):
    staff.open(f"{listing(RegistrationForm)}add/")
    staff.save(name="Jazz 2027", kind="tariff")
    form = RegistrationForm.objects.get()
    assert (form.organiser, form.kind) == (pos.organiser, "tariff")
    assert [field.system_ref for field in form.fields.all()] == ["first_name", "last_name"]
    assert form.fields.first().label_fr == "Prénom"

    button(staff, form, "add-question")
    staff.fill("^type$", {"type": "yes_no", "label": "Mangez-vous avec nous ?"})
    eats = form.fields.get(type="yes_no")
    staff.save(visibility="mandatory", label_en="Do you eat with us?", help_text_fr="Le *soir*")
    button(staff, form, "add-question")
    staff.fill("^type$", {"type": "single_choice", "label": "Menu"})
    menu = form.fields.get(type="single_choice")
    staff.save(
        **{
            "visibility": "mandatory",
            "when1_question": eats.key,
            "when1_op": "is",
            "when1_choice": "yes",
            "choices-0-label_fr": "Végétalien",
            "choices-0-label_en": "Vegan",
            "choices-1-label_fr": "Poisson",
            "choices-1-capacity": "20",
            "choices-1-position": "2",
        }
    )
    assert staff.errors == []
    assert "only if “Do you eat with us?” is Yes" in staff.page.text
    menu.refresh_from_db()
    assert menu.condition == only_if(eats, "yes")
    assert list(menu.choices.values_list("label_fr", "capacity")) == [("Végétalien", None), ("Poisson", 20)]

    button(staff, form, "publish")
    assert "“Menu” is new." in staff.page.text
    assert "English: 3 texts are missing" in staff.page.text
    staff.submit(next(one for one in staff.page.forms if one.method == "post" and one.action == ""))
    assert "Version 1 is published." in staff.page.text
    form.refresh_from_db()
    assert of_version(form.published).by_key[menu.key].mandatory
    assert history.of(form).filter(action="published").exists()
    staff.open(change(form))
    assert "Published, but asked nowhere yet." in staff.page.text
    TariffFactory(event=EventFactory(pos=pos), form=form)
    staff.open(change(form))
    assert "Buyers see these questions." in staff.page.text


@pytest.mark.scenario("RF-01")
def test_known_fields_can_be_hidden_optional_or_mandatory(staff, pos):
    staff.open(f"{listing(RegistrationForm)}add/")
    staff.save(name="Order", kind="order")
    form = RegistrationForm.objects.get()
    for ref, visibility in {"phone": "mandatory", "address": "visible", "company": "hidden"}.items():
        staff.open(change(form.fields.get(system_ref=ref)))
        staff.save(visibility=visibility)
        assert form.fields.get(system_ref=ref).visibility == visibility
    email = form.fields.get(system_ref="email")
    staff.open(change(email))
    assert "An order form always asks for the e-mail address" in staff.page.text
    staff.save(visibility="visible")
    assert staff.errors
    email.refresh_from_db()
    assert email.visibility == "mandatory"
    staff.press(email, "archive")
    assert form.fields.get(system_ref="email").archived_at is None


@pytest.mark.scenario("RF-02")
def test_page_shows_where_a_form_is_used_and_answers_outlive_it(staff, pos, form):
    adult, family = (
        TariffFactory(event=EventFactory(pos=pos), name=name, name_fr=name) for name in ("Adult", "Family")
    )
    family.event.tariffs.update(event=adult.event)
    Tariff.objects.update(form=form)
    season = SeasonPassFactory(pos=pos, name="Abo 27", extra_form=form)
    ask(form, "Size")
    publish(form)
    answer(form, **{form.fields.get().key: "L"})
    staff.open(change(form))
    for row, name in (
        (adult, "Adult"),
        (family, "Family"),
        (season, "Abo 27"),
        (adult.event, adult.event.title),
    ):
        assert staff.page.link(name) == change(row)
    assert "2 tariffs, 1 event, 1 pass, 1 answer" in staff.page.text
    staff.open(listing(RegistrationForm))
    assert "2 tariffs, 1 event, 1 pass" in staff.page.text
    staff.open(change(family))
    staff.save(form="")
    family.refresh_from_db()
    assert family.form is None
    assert Response.objects.filter(form=form).count() == 1
    staff.press(form, "archive")
    assert "The form is still asked" in staff.page.text


@pytest.mark.scenario("RF-03")
def test_tariffs_passes_and_shops_accept_only_forms_of_their_kind_and_organiser(staff, pos, form):
    event = EventFactory(pos=pos, title_fr="Le Malade")
    tariff = TariffFactory(event=event, name_fr="Plein tarif")
    season = SeasonPassFactory(pos=pos, name_fr="Abonnement")
    order = make_form("order", organiser=pos.organiser, name="Our order form")
    foreign = make_form("tariff", name="Another's")
    of_tariff = staff.open(change(tariff)).form("^_save$")
    assert "Another’s" not in staff.page.text
    for wrong in (order, foreign):
        save(staff, of_tariff, form=wrong.pk)
        assert any("valid choice" in one for one in staff.errors)
    save(staff, of_tariff, form=form.pk)
    tariff.refresh_from_db()
    assert tariff.form == form
    of_pass = staff.open(change(season)).form("^_save$")
    save(staff, of_pass, form=form.pk)
    assert staff.errors
    save(staff, of_pass, extra_form=form.pk)
    season.refresh_from_db()
    assert season.extra_form == form
    staff.open(change(event))
    staff.save(**{"order_form-0-form": order.pk})
    assert OrderForm.objects.get().event == event
    owner = Staff(make_staff(pos.organiser, "owner"))
    of_shop = owner.open(change(pos)).form("^_save$")
    save(owner, of_shop, **{"order_form-0-form": form.pk})
    assert owner.errors
    save(owner, of_shop, **{"order_form-0-form": order.pk})
    assert OrderForm.objects.filter(point_of_sale=pos, form=order).exists()


@pytest.mark.scenario("RF-04")
def test_form_is_copied_under_another_name(staff, form):
    ask(form, "Bus", "dropdown", choices=[("18:00", 5)])
    button(staff, form, "copy")
    staff.fill("^name$", {"name": "Jazz 2028"})
    made = RegistrationForm.objects.get(name="Jazz 2028")
    assert build(made) == build(form)
    assert change(made) == staff.page.url


@pytest.mark.scenario("RF-05")
def test_questions_move_by_buttons_and_an_outdated_order_is_refused(staff, form):
    rows = [ask(form, str(number)) for number in range(1, 6)]
    staff.open(change(form))
    other = Staff(make_staff(form.organiser, "back office"))
    other.open(change(form))
    mover = staff.page.form("^revision$")
    answer = staff.send("POST", staff.page.url, {**mover.values, "_move": f"up:{rows[3].pk}"})
    assert answer.headers["Location"].endswith(f"#question-{rows[3].pk}")
    assert labels(form) == ["1", "2", "4", "3", "5"]
    staff.open(change(form))
    assert f'id="question-{rows[3].pk}" tabindex="-1"' in staff.page.source
    other.fill("^revision$", button=("_move", f"down:{rows[0].pk}"))
    assert "Somebody else changed this form meanwhile" in other.page.text
    assert labels(form) == ["1", "2", "4", "3", "5"]
    other.fill("^revision$", button=("_move", f"down:{rows[0].pk}"))
    assert labels(form) == ["2", "1", "4", "3", "5"]
    assert [question.label for question in of_version(publish(form)).questions] == ["2", "1", "4", "3", "5"]


@pytest.mark.scenario("RF-05")
def test_question_moves_to_any_position(staff, form):
    """As dragging does; invalid positions move nothing."""
    rows = [ask(form, str(number)) for number in range(1, 6)]

    def move(what: str) -> int:
        mover = staff.open(change(form)).form("^revision$")
        return staff.send("POST", change(form), {**mover.values, "_move": what}).status

    for place, order in ((0, "41235"), (2, "12435"), (4, "12354"), (99, "12354"), (1, "14235")):
        assert move(f"to:{rows[3].pk}:{place}") == 302
        assert "".join(labels(form)) == order
    for nonsense in (
        "",
        "to",
        f"to:{rows[0].pk}",
        f"to:{rows[0].pk}:-1",
        f"to:{rows[0].pk}:²",
        "to::1",
        "up:x",
    ):
        assert move(nonsense) == 403, nonsense
    assert move("to:99999999:0") == 302
    assert "".join(labels(form)) == "14235"


@pytest.mark.scenario("RF-06")
def test_impossible_conditions_are_refused_with_the_questions_named(staff, form):
    early, staff_only = ask(form, "Early"), ask(form, "Notes", staff_only=True)
    here, late, old = ask(form, "Here"), ask(form, "Late"), ask(form, "Old", archived_at=timezone.now())
    foreign = ask(make_form("order", organiser=form.organiser), "Order’s")
    said = {
        here: "“Here” can’t depend on itself",
        late: "“Here” depends on “Late”, which comes later",
        staff_only: "“Here” depends on “Notes”, which only staff see",
        old: "“Here” depends on “Old”, which is archived",
        foreign: "Select a valid choice",
    }
    of_here = staff.open(change(here)).form("^_save$")
    for other, sentence in said.items():
        save(staff, of_here, when1_question=other.key, when1_op="filled")
        assert any(sentence in one for one in staff.errors), staff.errors
    save(staff, of_here, when1_question=early.key, when1_op="is", when1_text="x")
    here.refresh_from_db()
    assert here.condition == only_if(early, "x")
    staff.press(early, "archive")
    assert "Other questions depend on this one: “Here”" in staff.page.text
    early.refresh_from_db()
    assert early.archived_at is None
    # Moved behind the question that depends on it, it prevents publishing; the message names both.
    Field.objects.filter(pk=early.pk).update(position=90)
    button(staff, form, "publish")
    assert "“Here” depends on “Early”, which comes later." in staff.page.text
    staff.send("POST", staff.page.url, staff.page.form("csrf").values)
    assert not form.versions.exists()


@pytest.mark.scenario("RF-06")
def test_condition_accepts_only_possible_answers(staff, form):
    day = ask(form, "Day", "date", rules={"until": "2027-07-03"})
    here, number = ask(form, "Here"), ask(form, "Number", "number", rules={"decimals": 2})
    of_here = staff.open(change(here)).form("^_save$")
    for text in ("hello", "2027-07-04", "31.02.2027"):
        save(staff, of_here, when1_question=day.key, when1_op="is", when1_text=text)
        assert any("“Day” has no such answer. Enter a date from" in one for one in staff.errors), staff.errors
    save(staff, of_here, when1_question=day.key, when1_op="is", when1_text="03.07.2027")
    here.refresh_from_db()
    assert here.condition == only_if(day, "2027-07-03")
    # Stored like answers: 5.50 is the same number as 5.5.
    last = ask(form, "Last")
    staff.open(change(last))
    staff.save(when1_question=number.key, when1_op="is", when1_text="5.50")
    last.refresh_from_db()
    assert last.condition == only_if(number, "5.5")


def test_rules_without_a_possible_answer_are_refused_at_their_field(staff, form):
    number, born = ask(form, "How many", "number"), ask(form, "Born", "birth_date")
    days, some = ask(form, "Day", "date"), ask(form, "Workshops", "multiple_choice", choices=["A", "B"])
    cases = {
        number: [
            ({"rule_min": "0.2", "rule_max": "0.8"}, "No number fits “How many”."),
            ({"rule_min": "3", "rule_max": "2"}, "This lies before the lower bound."),
        ],
        born: [({"rule_age_from": "200"}, "less than or equal to 120")],
        days: [({"rule_from": "2300-01-01"}, "Enter a year from 1900 to 2199.")],
        some: [
            ({"rule_max": "0"}, "greater than or equal to 1"),
            ({"rule_min": "1.5"}, "whole number"),
        ],
    }
    for field, refused in cases.items():
        of_field = staff.open(change(field)).form("^_save$")
        for values, sentence in refused:
            save(staff, of_field, **values)
            assert any(sentence in one for one in staff.errors), (values, staff.errors)
            field.refresh_from_db()
            assert field.rules == {}
    # Choices may be added later: a minimum above their number prevents publishing only.
    save(staff, of_field, rule_min="3")
    assert "“Workshops” wants at least 3 choices and offers 2." in staff.page.text
    button(staff, form, "publish")
    staff.send("POST", staff.page.url, staff.page.form("csrf").values)
    assert not form.versions.exists()


@pytest.mark.scenario("RF-07")
def test_draft_is_previewed_and_published_with_its_differences(staff, form):
    ask(form, "Menu", label_fr="Le menu", visibility="visible")
    publish(form)
    first = form.published
    for _number in range(3):
        answer(form)
    button(staff, form, "add-question")
    staff.fill("^type$", {"type": "text", "label": "Taille"})
    staff.save(visibility="mandatory")
    form.refresh_from_db()
    assert form.published == first
    for language, label in (("fr", "Taille"), ("en", "Menu")):
        for tickets in (1, 3):
            url = f"{change(form).removesuffix('change/')}preview/?language={language}&tickets={tickets}"
            staff.open(url)
            assert staff.page.source.count(label) >= tickets
            assert f'<div class="stack" lang="{language}">' in staff.page.source
            words = {"fr": "Billet {} sur {}", "en": "Ticket {} of {}"}[language]
            assert headings(staff.page) == [words.format(one, tickets) for one in range(1, tickets + 1)]
    key = form.fields.get(label_fr="Taille").key
    staff.fill("^block1", {f"block1-{key}": "L", f"block2-{key}": "M"})
    assert "This field is required." in staff.page.text  # the third ticket's, in the language of the preview
    staff.fill("^block1", {f"block3-{key}": "S"})
    assert "These answers would be accepted." in staff.page.text
    assert Response.objects.count() == 3
    button(staff, form, "publish")
    assert "“Taille” is new." in staff.page.text
    assert "English: 1 text is missing" in staff.page.text
    assert "3 existing tickets will not have these answers." in staff.page.text


@pytest.mark.scenario("RF-05")
def test_concurrent_changes_of_a_colleague_stop_the_publication(staff, pos, form):
    ask(form, "Menu")
    page = button(staff, form, "publish")
    looked_at = page.form("^revision$").values
    colleague = Staff(make_staff(pos.organiser, "back office", email="colleague@example.org"))
    button(colleague, form, "add-question")
    colleague.fill("^type$", {"type": "text", "label": "Taille"})
    staff.send("POST", page.url, looked_at)
    assert not form.versions.exists()
    page = button(staff, form, "publish")
    assert "Somebody else changed this form meanwhile. Nothing was published" in page.text
    assert "“Taille” is new." in page.text
    staff.submit(page.form("^revision$"))
    assert form.versions.count() == 1


@pytest.mark.scenario("RF-09")
def test_sensitive_question_needs_purpose_and_retention(staff, form):
    allergies = ask(form, "Allergies")
    more = ask(form, "More", condition=only_if(allergies, op="filled"))
    of_allergies = staff.open(change(allergies)).form("^_save$")
    save(staff, of_allergies, sensitive="on", on_ticket="on")
    assert staff.errors == [
        "Say what this sensitive answer is needed for.",
        "Say how long this sensitive answer is kept.",
        "A sensitive answer is never shown on the ticket.",
    ]
    Field.objects.filter(pk=more.pk).update(retention_days=28)
    values = {"sensitive": "on", "purpose_fr": "Cuisine", "retention_days": "28"}
    save(staff, of_allergies, **values)
    assert staff.errors == []
    allergies.refresh_from_db()
    assert (allergies.sensitive, allergies.retention_days, allergies.copyable) == (True, 28, False)
    of_more = staff.open(change(more)).form("^_save$")
    for days in ("56", ""):
        save(staff, of_more, retention_days=days)
        assert any("“Allergies”, which is kept for 28 days" in one for one in staff.errors)
    staff.open(f"{change(form).removesuffix('change/')}preview/")
    assert "Cuisine" in staff.page.text


@pytest.mark.scenario("RF-10")
def test_exceeded_limits_are_refused_with_their_number(staff, form):
    for number in range(79):
        ask(form, f"Q{number}")
    button(staff, form, "add-question")
    ask(form, "Q79")
    staff.fill("^type$", {"type": "text", "label": "One more"})
    assert "A form has at most 80 questions." in staff.page.text
    assert "A form has at most 80 questions." in staff.open(change(form)).text
    assert "Add a question" not in re.findall(r"<a [^>]*>([^<]*)</a>", staff.page.source)
    staff.open(change(form.fields.first()))
    staff.save(label_fr="x" * 501)
    assert any("500" in one for one in staff.errors)
    assert form.fields.count() == 80


def keys(field: Field) -> list[tuple[str, str]]:
    return list(field.choices.order_by("position", "pk").values_list("key", "label_fr"))


@pytest.mark.scenario("RF-10")
def test_three_hundred_choices_are_entered_translated_and_published(staff, form):
    bus = ask(form, "Bus", "dropdown", choices=["Départ 0"])
    kept = bus.choices.get().key
    labels = [f"Départ {number}" for number in range(300)]
    staff.open(change(bus))
    staff.save(lines="\r\n".join([*labels[:3], "", " ", *labels[2:], labels[7]]))
    assert staff.errors == []
    made = keys(bus)
    assert [label for _key, label in made] == labels
    assert made[0][0] == kept
    assert history.of(bus).first().details == {"added": {"choice": 299}}
    # Six pages, each saved separately, so that no request has too many fields.
    staff.open(change(bus))
    for number, following in ((1, 2), (2, 6), (6, 1)):
        assert f"Choices {number * 50 - 49} to {number * 50} of 300" in staff.page.text
        names = staff.page.form("^_save$").names
        assert len(names) < 700
        turn = ("_choices", str(following))
        staff.fill("^_save$", {"choices-49-label_en": f"Departure {number}"}, button=turn)
        assert staff.errors == []
    assert staff.page.url.split("#")[0].endswith("?choices=1")
    translated = bus.choices.filter(label_en__startswith="Departure")
    assert list(translated.order_by("position").values_list("position", "label_en")) == [
        (50 * number, f"Departure {number}") for number in (1, 2, 6)
    ]
    assert keys(bus) == made
    assert len(of_version(publish(form)).by_key[bus.key].options) == 300
    staff.open(f"{change(form).removesuffix('change/')}preview/?language=en&tickets=3")
    assert staff.page.source.count("Départ 298") == 3
    staff.fill("^block1", {f"block{number}-{bus.key}": made[299][0] for number in (1, 2, 3)})
    assert "These answers would be accepted." in staff.page.text


@pytest.mark.scenario("RF-10")
def test_more_than_three_hundred_choices_are_refused(staff, form):
    bus = ask(form, "Bus", "dropdown", choices=[f"Bus {number}" for number in range(299)])
    last_page = f"{change(bus)}?choices=6"
    staff.open(last_page)
    staff.save(**{"choices-49-label_fr": "Bus 299"})
    assert staff.errors == []
    assert bus.choices.count() == 300
    assert keys(bus)[-1][1] == "Bus 299"
    staff.open(last_page)
    for more, entered in (
        ({"lines": "Bus 299\nOne more\nAnd one"}, True),
        ({"lines": "", "choices-50-label_fr": "One more"}, False),
    ):
        staff.save(**more)
        assert len(staff.errors) == 1
        assert "at most 300 choices" in staff.errors[0]
        assert ("302" in staff.errors[0]) is entered
        assert bus.choices.count() == 300
    # A deactivated choice does not count; entered again, it becomes active with its old key.
    gone = bus.choices.get(label_fr="Bus 7")
    publish(form)
    staff.open(change(bus))
    staff.save(**{"choices-7-DELETE": "on"})
    staff.open(change(bus))
    staff.save(lines="Bus 7")
    assert staff.errors == []
    gone.refresh_from_db()
    assert gone.active
    staff.open(change(bus))
    staff.save(lines="fine\n" + "x" * 501)
    assert staff.errors == ["Line 2 has more than 500 characters."]


@pytest.mark.scenario("RF-10")
def test_question_without_choices_has_no_lines(staff, form):
    text = ask(form, "Remark")
    assert 'name="lines"' not in staff.open(change(text)).source
    names = staff.page.form("^_save$").filled({"label_fr": "Remarque"}) | {"lines": "a\nb", "_save": "Save"}
    staff.send("POST", change(text), names)
    text.refresh_from_db()
    assert text.label_fr == "Remarque"
    assert not text.choices.exists()


@pytest.mark.scenario("RF-10")
def test_eighty_questions_are_published_and_previewed(staff, form):
    for number in range(80):
        ask(form, f"Q{number}", "yes_no" if number % 2 else "text", visibility="mandatory")
    button(staff, form, "publish")
    staff.submit(next(one for one in staff.page.forms if one.method == "post" and one.action == ""))
    assert "Version 1 is published." in staff.page.text
    staff.open(f"{change(form).removesuffix('change/')}preview/?language=en&tickets=3")
    names = [name for name in staff.page.form("^block1").names if name.startswith("block")]
    assert len(names) == 240
    staff.fill("^block1", dict.fromkeys(names, "yes"))
    assert "These answers would be accepted." in staff.page.text


@pytest.mark.scenario("RF-10")
def test_markup_in_labels_is_escaped(staff, form):
    evil = "<script>alert(1)</script> [x](javascript:alert(1)) ![y](data:image/png;base64,x) <img src=x onerror=alert(1)>"
    ask(form, evil, "static_text", help_text=evil)
    ask(form, evil, "text", help_text=evil)
    for url in (change(form), f"{change(form).removesuffix('change/')}preview/?language=en"):
        source = staff.open(url).source
        assert "&lt;script&gt;alert(1)&lt;/script&gt;" in source
        assert "<script>alert" not in source
        assert "<img src=x" not in source
        assert 'href="javascript' not in source
        assert 'src="data:' not in source


@pytest.mark.scenario("RF-38")
def test_deleted_choice_that_was_offered_is_deactivated(staff, form):
    size = ask(form, "Size", "dropdown", choices=["S", "L"])
    publish(form)
    large = size.choices.get(label="L")
    answer(form, **{size.key: large.key})
    staff.open(change(size))
    staff.save(**{"choices-1-DELETE": "on"})
    assert "buyers who chose them keep them" in staff.page.text
    large.refresh_from_db()
    assert large.active is False
    fresh = ask(form, "Colour", "dropdown", choices=["red", "blue"])
    staff.open(change(fresh))
    staff.save(**{"choices-1-DELETE": "on"})
    assert fresh.choices.count() == 1


def test_type_is_fixed_after_publishing(staff, form):
    text = ask(form, "When?", "text", label_fr="Quand ?")
    staff.open(change(text))
    staff.save(type="date")
    text.refresh_from_db()
    assert text.type == "date"
    publish(form)
    staff.open(change(text))
    staff.save(type="text")
    assert any("The type stays" in one for one in staff.errors)


def test_each_rule_of_a_type_has_a_field(staff, form):
    born = ask(form, "Born", "birth_date", label_fr="Naissance")
    staff.open(change(born))
    assert "max_length" not in staff.page.source
    staff.save(rule_age_from="4", rule_age_until="2")
    assert any("before the lower bound" in one for one in staff.errors)
    staff.save(rule_age_from="4", rule_age_until="15")
    born.refresh_from_db()
    assert born.rules == {"age_from": 4, "age_until": 15}
    day = ask(form, "Day", "date", label_fr="Jour")
    staff.open(change(day))
    staff.save(rule_from="2027-07-01")
    day.refresh_from_db()
    assert day.rules == {"from": "2027-07-01"}
    assert history.of(day).first().details == {"columns": ["rules"]}
    staff.open(change(day))
    staff.save()
    day.refresh_from_db()
    assert day.rules == {"from": "2027-07-01"}


def test_box_office_sees_forms_and_cannot_change_them(pos, form):
    question = ask(form, "Size", "dropdown", choices=["S"])
    looker = Staff(make_staff(pos.organiser, "box office"))
    for row in (form, question):
        assert looker.open(change(row)).status == 200
        assert not re.search(r'name="_(save|move)"', looker.page.source)
    long = ask(form, "Bus", "dropdown", choices=[f"Bus {number}" for number in range(60)])
    for number, first in ((1, "Bus 0"), (2, "Bus 50")):
        looker.open(f"{change(long)}?choices={number}")
        assert first in looker.page.text
        assert looker.page.link("51–60" if number == 1 else "1–50").startswith("?choices=")
        assert 'name="_choices"' not in looker.page.source
    assert looker.send("POST", change(form), {"_move": f"up:{question.pk}", "revision": "0"}).status == 403
    assert button(looker, form, "publish").status == 403


def test_list_shows_published_versions_and_drafts(staff, form):
    ask(form, "Size")
    assert publishing.differs(form)
    publish(form)
    staff.open(listing(RegistrationForm))
    assert "version 1" in staff.page.text
    assert "not published yet" not in staff.page.text
    ask(form, "More")
    staff.open(listing(RegistrationForm))
    assert "not published yet" in staff.page.text
