"""A question that a page has not shown was not asked: conditions without JavaScript, forms published meanwhile,
two tabs.
"""

import pytest
from django.utils import timezone

from registration_forms.answers import responses
from registration_forms.building import copying
from registration_forms.models import Answer, Field, Response
from tests.factories.organisers import make_staff
from tests.factories.registration_forms import ask, only_if, publish
from tests.sales import jazz
from tests.sales.jazz import Jazz, fill, in_every, of_blocks
from tests.staff import Staff, change
from ticketshop.sales.cart import carts
from ticketshop.sales.models import Cart, Order

pytestmark = pytest.mark.django_db
CHANGED = "The questions have changed meanwhile"


@pytest.fixture
def shop(jazz_2027) -> Jazz:
    return jazz_2027


@pytest.fixture
def who():
    return jazz.visitor()


def states(response=None) -> dict[str, int]:
    found = response or Response.objects.get()
    return dict(found.answers.values_list("field__label", "state"))


def values(page) -> dict:
    return page.form("^checkout_key$").values


def asked_newly(page) -> list[str]:
    """The ids that the notice about new questions leads to."""
    _before, found, after = page.source.partition('id="new-questions"')
    return (
        [one.partition('"')[0] for one in after.partition("</ul>")[0].split('href="#')[1:]] if found else []
    )


def is_an_error(page) -> bool:
    return "<title>Error:" in " ".join(page.source.split()).replace("<title> ", "<title>")


# --- conditions, without scripts ---------------------------------------------------------------------------


@pytest.mark.scenario("RF-17")
@pytest.mark.parametrize("visibility", ["visible", "mandatory"])
def test_a_question_that_an_answer_brings_up_is_shown_before_the_order(shop, who, visibility):
    form = shop.form("tariff", shop.adult)
    x = ask(form, "X", "yes_no")
    y = ask(form, "Y", condition=only_if(x, "yes"), visibility=visibility)
    publish(form)
    shop.add(who, shop.adult, 2)
    page = shop.details(who)
    first, second = of_blocks(page, x)
    page = fill(who, {first: "yes", second: "no"})
    assert "/review/" not in page.url
    assert not is_an_error(page)
    assert "This field is required" not in page.text
    (y_name,) = of_blocks(page, y)
    assert asked_newly(page) == [f"id_{y_name}"]
    assert values(page)[first] == "yes"
    if visibility == "mandatory":
        page = fill(who)
        assert is_an_error(page)
        assert asked_newly(page) == []
    assert fill(who, {y_name: "this"} if visibility == "mandatory" else {}).url.endswith("/review/")
    who.place("on_site")
    one, other = Response.objects.order_by("pk")
    left = Answer.State.ANSWERED if visibility == "mandatory" else Answer.State.BLANK
    assert (states(one)["Y"], states(other)["Y"]) == (left, Answer.State.NOT_ASKED)


@pytest.mark.scenario("RF-18")
def test_a_chain_comes_back_once_with_all_its_links(shop, who):
    form = shop.form("tariff", shop.adult)
    x = ask(form, "X", "yes_no", visibility="mandatory")
    y = ask(form, "Y", "dropdown", choices=["A", "B"], condition=only_if(x, "yes"), visibility="mandatory")
    b = y.choices.get(label="B").key
    z = ask(form, "Z", condition=only_if(y, b), visibility="mandatory")
    last = ask(form, "Last", condition=only_if(z, op="filled"), visibility="mandatory")
    other = ask(form, "Other", condition=only_if(x, "no"), visibility="mandatory")
    publish(form)
    shop.add(who, shop.adult, 1)
    page = shop.details(who)
    assert [len(of_blocks(page, one)) for one in (x, y, z, last, other)] == [1, 0, 0, 0, 0]
    page = fill(who, in_every(page, x, "yes"))
    assert not is_an_error(page)
    assert [len(of_blocks(page, one)) for one in (x, y, z, last, other)] == [1, 1, 1, 1, 0]
    assert "Only if “Y” is B" in page.text
    assert "Only if “X”" not in page.text
    answers = in_every(page, y, b) | in_every(page, z, "text") | in_every(page, last, "end")
    assert fill(who, answers).url.endswith("/review/")
    who.place("on_site")
    assert states() == {"X": 1, "Y": 1, "Z": 1, "Last": 1, "Other": Answer.State.NOT_ASKED}


def test_what_was_offered_in_advance_is_dropped_where_it_is_not_asked(shop, who):
    form = shop.form("tariff", shop.adult)
    x = ask(form, "X", "yes_no")
    y = ask(form, "Y", "dropdown", choices=["A", "B"], condition=only_if(x, "yes"), visibility="mandatory")
    z = ask(form, "Z", condition=only_if(y, y.choices.get(label="B").key), visibility="mandatory")
    publish(form)
    shop.add(who, shop.adult, 1)
    page = fill(who, in_every(shop.details(who), x, "yes"))
    review = fill(who, in_every(page, y, y.choices.get(label="A").key) | in_every(page, z, "in vain"))
    assert review.url.endswith("/review/")
    who.place("on_site")
    assert states()["Z"] == Answer.State.NOT_ASKED
    assert not Answer.objects.filter(v_text="in vain").exists()


def test_a_text_under_a_condition_is_shown_before_the_order(shop, who):
    form = shop.form("tariff", shop.adult)
    x = ask(form, "X", "yes_no")
    ask(form, "Bring boots", "static_text", condition=only_if(x, "yes"))
    publish(form)
    shop.add(who, shop.adult, 1)
    page = shop.details(who)
    assert "Bring boots" not in page.text
    page = fill(who, in_every(page, x, "yes"))
    assert "Bring boots" in page.text
    (place,) = asked_newly(page)
    assert f'id="{place}"' in page.source
    assert fill(who).url.endswith("/review/")


def test_what_hangs_on_a_wrong_answer_keeps_what_was_typed(shop, who):
    form = shop.form("tariff", shop.adult)
    shoe = ask(form, "Shoe", "number", rules={"max": 50})
    why = ask(form, "Why", condition=only_if(shoe, op="filled"), visibility="mandatory")
    publish(form)
    shop.add(who, shop.adult, 1)
    page = shop.details(who)
    page = fill(who, in_every(page, shoe, "40"))
    page = fill(who, in_every(page, shoe, "400") | in_every(page, why, "small feet"))
    assert is_an_error(page)
    assert list(in_every(page, why, "")) == of_blocks(page, why) != []
    assert values(page)[of_blocks(page, why)[0]] == "small feet"
    assert fill(who, in_every(page, shoe, "40")).url.endswith("/review/")
    who.place("on_site")
    assert list(responses.read(Response.objects.get()).values())[1] == "small feet"


@pytest.mark.scenario("RF-29")
def test_a_page_can_claim_what_it_likes_to_have_shown(shop, who):
    form = shop.form("tariff", shop.adult)
    x = ask(form, "X", "yes_no")
    y = ask(form, "Y", condition=only_if(x, "yes"), visibility="mandatory")
    publish(form)
    shop.add(who, shop.adult, 1)
    page = shop.details(who)
    (block,) = jazz.blocks(page)
    for drawn in ("", "\x00", "a b " * 5000, y.key, f"{y.key} {x.key} of-another-form"):
        page = fill(who, in_every(page, x, "yes") | {f"{block}-drawn": drawn})
        assert page.status == 200
        assert "/review/" not in page.url
    for version in ("", "-1", "9" * 30, "x"):
        shop.details(who)
        page = fill(who, {f"{block}-version": version})
        assert (page.status, "/review/" in page.url) == (200, False)
    assert not Order.objects.exists()


# --- conditions, after the order ---------------------------------------------------------------------------


def bought(shop, who, answers):
    shop.add(who, shop.adult, 1)
    page = shop.details(who)
    fill(
        who,
        {name: value for field, one in answers.items() for name, value in in_every(page, field, one).items()},
    )
    page = who.place("on_site")
    return page.url


def test_a_changed_answer_brings_up_a_question_on_the_page_of_the_order(shop, who):
    form = shop.form("tariff", shop.adult)
    x = ask(form, "X", "yes_no")
    y = ask(form, "Y", condition=only_if(x, "yes"))
    publish(form)
    url = bought(shop, who, {x: "no"})
    page = who.open(f"{url}answers/")
    (x_name,) = [name for name in page.form("-revision$").names if name.endswith(f"-{x.key}")]
    page = who.fill("-revision$", {x_name: "yes"})
    assert asked_newly(page) == [f"id_{x_name.replace(x.key, y.key)}"]
    assert states() == {"X": Answer.State.ANSWERED, "Y": Answer.State.NOT_ASKED}
    assert responses.read(Response.objects.get()) == {x.key: False}
    page = who.fill("-revision$")
    assert any("saved" in text for text in page.messages)
    assert states() == {"X": Answer.State.ANSWERED, "Y": Answer.State.BLANK}


def test_what_staff_do_not_see_is_not_asked_by_their_change(shop, who):
    form = shop.form("tariff", shop.adult)
    x = ask(form, "X", "yes_no")
    ask(form, "Y", condition=only_if(x, "yes"), sensitive=True, purpose="the kitchen", retention_days=28)
    publish(form)
    bought(shop, who, {x: "no"})
    box_office = Staff(make_staff(shop.organiser, "box office"))
    page = box_office.open(f"{change(Order.objects.get()).removesuffix('change/')}answers/")
    assert "Sensitive questions are not shown" in page.text
    (x_name,) = [name for name in page.form("-revision$").names if name.endswith(f"-{x.key}")]
    box_office.fill("-revision$", {x_name: "yes"})
    assert states() == {"X": Answer.State.ANSWERED, "Y": Answer.State.NOT_ASKED}


# --- published meanwhile -------------------------------------------------------------------------------------


@pytest.fixture
def rules(shop):
    """A form with a consent and a question; the consent is ticked by what ``ticked`` posts."""
    form = shop.form("tariff", shop.adult)
    ask(form, "The rules", "static_text", help_text="No dogs.")
    ask(form, "I accept the rules of 2026", "consent", visibility="mandatory")
    ask(form, "Seat")
    return publish(form).form


def reword(form, label="I accept the rules of 2027", **where) -> None:
    field = form.fields.get(**(where or {"type": "consent"}))
    field.label = label
    field.save()
    publish(form)


def ticked(page, form) -> dict:
    return in_every(page, form.fields.get(type="consent"), "on") | in_every(
        page, form.fields.get(label="Seat"), "12"
    )


def is_ticked(page, form) -> bool:
    (name,) = of_blocks(page, form.fields.get(type="consent"))
    return name in values(page)


def assert_asked_again(page, form, label="I accept the rules of 2027"):
    assert page.form("^checkout_key$"), page.url
    assert label in page.text
    assert any(CHANGED in text for text in page.messages)
    assert not is_ticked(page, form)
    assert values(page)[of_blocks(page, form.fields.get(label="Seat"))[0]] == "12"
    assert not Order.objects.exists()


@pytest.mark.scenario("RF-37", "RF-40")
@pytest.mark.parametrize("what", ["consent", "text"])
def test_a_consent_is_asked_again_where_its_words_change_on_the_details_page(shop, who, rules, what):
    shop.add(who, shop.adult, 1)
    page = shop.details(who)
    if what == "consent":
        reword(rules)
    else:
        reword(rules, "The new rules", type="static_text")
    page = fill(who, ticked(page, rules))
    assert_asked_again(page, rules, "I accept the rules of 2027" if what == "consent" else "The new rules")
    assert not is_an_error(page)
    assert is_an_error(fill(who))  # by now it was on the page, and it is mandatory
    assert fill(who, ticked(page, rules)).url.endswith("/review/")
    who.place("on_site")
    assert Response.objects.get().version == rules.versions.get(number=2)


@pytest.mark.scenario("RF-37", "RF-40")
@pytest.mark.parametrize("step", ["before the review", "on the review", "back on the details"])
def test_a_consent_is_asked_again_at_every_later_step(shop, who, rules, step):
    shop.add(who, shop.adult, 1)
    page = shop.details(who)
    assert fill(who, ticked(page, rules)).url.endswith("/review/")
    reword(rules)
    if step == "on the review":
        page = who.place("on_site")
    elif step == "before the review":
        page = who.open(f"/{shop.pos.slug}/checkout/review/")
    else:
        page = shop.details(who)
        assert not is_ticked(page, rules)
        page = fill(who)
        assert is_an_error(page)
        assert fill(who, ticked(page, rules)).url.endswith("/review/")
        return
    assert_asked_again(page, rules)
    assert fill(who, ticked(page, rules)).url.endswith("/review/")
    who.place("on_site")
    assert Response.objects.get().version.number == 2


def test_a_consent_stays_where_other_things_were_published(shop, who, rules):
    shop.add(who, shop.adult, 1)
    page = shop.details(who)
    assert fill(who, ticked(page, rules)).url.endswith("/review/")
    q = ask(rules, "Q", visibility="mandatory")
    publish(rules)
    page = who.place("on_site")
    assert any(CHANGED in text for text in page.messages)
    assert is_ticked(page, rules)
    assert len(of_blocks(page, q)) == 1
    assert fill(who, in_every(page, q, "new")).url.endswith("/review/")


@pytest.mark.scenario("RF-37")
@pytest.mark.parametrize("what", ["label", "new and optional", "choice"])
def test_any_question_counts_in_the_words_it_was_answered_under(shop, who, what):
    form = shop.form("tariff", shop.adult)
    meat = ask(form, "Do you eat meat?", "dropdown", choices=["Yes", "No"])
    publish(form)
    shop.add(who, shop.adult, 1)
    page = shop.details(who)
    yes = meat.choices.get(label="Yes").key
    assert fill(who, in_every(page, meat, yes)).url.endswith("/review/")
    if what == "label":
        Field.objects.filter(pk=meat.pk).update(label_en="Are you vegetarian?")
    elif what == "choice":
        meat.choices.filter(label="Yes").update(label_en="No, thank you")
    else:
        ask(form, "Anything else?")
    publish(form)
    page = who.place("on_site")
    assert any(CHANGED in text for text in page.messages)
    assert not Order.objects.exists()
    assert values(page)[of_blocks(page, meat)[0]] == yes
    assert fill(who).url.endswith("/review/")
    who.place("on_site")
    assert Response.objects.get().version.number == 2
    if what == "new and optional":
        assert states()["Anything else?"] == Answer.State.BLANK


@pytest.mark.scenario("RF-40")
def test_publication_without_visible_changes_does_not_interrupt_a_checkout(shop, who):
    form = shop.form("tariff", shop.adult)
    kept, removed = ask(form, "Kept"), ask(form, "Removed")
    publish(form)
    shop.add(who, shop.adult, 1)
    page = shop.details(who)
    fill(who, in_every(page, kept, "this") | in_every(page, removed, "that"))
    Field.objects.filter(pk=removed.pk).update(archived_at=timezone.now())
    Field.objects.filter(pk=kept.pk).update(copyable=False)
    publish(form)
    who.place("on_site")
    response = Response.objects.get()
    assert (response.version.number, responses.read(response)) == (2, {kept.key: "this"})


def test_a_form_that_is_assigned_meanwhile_is_asked(shop, who):
    shop.add(who, shop.adult, 1)
    page = shop.details(who)
    menu = shop.asked("tariff", shop.adult).fields.get()
    page = fill(who)
    assert len(of_blocks(page, menu)) == 1
    assert not is_an_error(page)
    assert fill(who).url.endswith("/review/")
    order = shop.asked("order", label="Town").fields.get()
    page = who.place("on_site")
    assert not Order.objects.exists()
    assert len(of_blocks(page, order)) == 1


def test_a_consent_does_not_move_to_other_words(shop, who, rules):
    """A copied form has the keys of the first one."""
    copied = copying.copy(rules, name="For children", by=None, now=timezone.now())
    reword(copied, "My parents accept the rules")
    shop.child.form = copied
    shop.child.save()
    shop.add(who, shop.adult, 1)
    fill(who, ticked(shop.details(who), rules))
    shop.add(who, shop.child, 1)
    line = Cart.objects.get().lines.get(offer__tariff=shop.adult)
    carts.set_quantities(Cart.objects.get(), {line.pk: 0}, now=timezone.now())
    page = shop.details(who)
    assert "My parents accept the rules" in page.text
    assert not is_ticked(page, copied)
    assert values(page)[of_blocks(page, copied.fields.get(label="Seat"))[0]] == "12"
    page = fill(who)
    assert "/review/" not in page.url


@pytest.mark.scenario("RF-37")
def test_a_consent_on_the_page_of_the_order_counts_for_the_words_that_stood_there(shop, who):
    form = shop.form("tariff", shop.adult)
    news = ask(form, "Send me news", "consent")
    publish(form)
    url = bought(shop, who, {})
    page = who.open(f"{url}answers/")
    reword(form, "Send me news, and sell my address")
    (name,) = [name for name in page.form("-revision$").names if name.endswith(f"-{news.key}")]
    page = who.fill("-revision$", {name: "on"})
    assert any(CHANGED in text for text in page.messages)
    assert name not in page.form("-revision$").values
    assert "sell my address" in page.text
    assert not Answer.objects.filter(v_bool=True).exists()
    who.fill("-revision$", {name: "on"})
    answer = Answer.objects.get(v_bool=True)
    assert answer.version.number == 2
    # What was agreed to once stays under its own words.
    reword(form, "Send me more news")
    page = who.open(f"{url}answers/")
    assert "sell my address" in page.text
    assert "more news" not in page.text
    who.fill("-revision$")
    assert Answer.objects.get(v_bool=True).version.number == 2


def test_the_language_kept_is_the_one_that_was_read(shop, rules):
    shop.pos.languages = shop.organiser.languages = ["en", "fr"]
    shop.pos.save()
    shop.organiser.save()
    who = jazz.visitor(**{"accept-language": "fr"})
    shop.add(who, shop.adult, 1)
    assert fill(who, ticked(shop.details(who), rules)).url.endswith("/review/")
    who.fill("^language$", button=("language", "en"))
    who.place("on_site")
    assert (Order.objects.get().language, Response.objects.get().language) == ("en", "fr")


# --- two tabs ------------------------------------------------------------------------------------------------


@pytest.mark.scenario("RF-34")
@pytest.mark.parametrize("what", ["answer", "name"])
def test_what_a_tab_confirms_is_what_it_shows(shop, who, what):
    menu = shop.asked("tariff", shop.adult).fields.get()
    shop.add(who, shop.adult, 1)
    page = shop.details(who)
    review = fill(who, in_every(page, menu, "vegan"))
    shop.details(who)
    fill(who, in_every(page, menu, "meat") if what == "answer" else {"buyer-first_name": "Grace"})
    who.page = review
    page = who.place("on_site")
    assert not Order.objects.exists()
    assert any("Please check them" in text for text in page.messages)
    assert ("meat" if what == "answer" else "Grace") in page.text
    who.place("on_site")
    assert Order.objects.count() == 1
    assert list(responses.read(Response.objects.get()).values()) == ["meat" if what == "answer" else "vegan"]


def test_a_page_that_is_older_than_the_cart_takes_nothing_away(shop, who):
    menu = shop.asked("tariff", shop.adult).fields.get()
    shop.add(who, shop.adult, 1)
    old = shop.details(who)
    shop.add(who, shop.adult, 1)
    page = shop.details(who)
    names = sorted(
        name for name in values(page) if name.endswith("-first_name") and name.startswith("holder")
    )
    fill(who, in_every(page, menu, "fish") | dict(zip(names, ["Ada", "Bob"], strict=True)))
    who.page = old
    (mine,) = in_every(old, menu, "")
    fill(who, {mine: "vegan"})
    page = shop.details(who)
    typed = values(page)
    assert {typed[name] for name in of_blocks(page, menu)} == {"vegan", "fish"}
    assert "Bob" in typed.values() or "Ada" in typed.values()
