"""The last place of a choice goes to exactly one order. A test without the lock shows that the race is real."""

import uuid
from collections import Counter
from datetime import timedelta

import pytest
from django.db import IntegrityError, transaction
from django.db.models import F
from django.utils import timezone

from registration_forms.answers import limited_choices
from registration_forms.models import Choice, ChoiceHold
from tests.at_once import at_once, meet
from tests.factories.registration_forms import ask, make_form

HOUR = timedelta(hours=1)


def bus(capacity: int = 50, used: int = 49) -> Choice:
    choice = ask(make_form(), "Bus", "dropdown", choices=[("18:00", capacity)]).choices.get()
    Choice.objects.filter(pk=choice.pk).update(used=used)
    return choice


def reserve(choice: Choice, key=None):
    try:
        with transaction.atomic():
            limited_choices.reserve(key, Counter({choice.pk: 1}))
    except limited_choices.ChoiceSoldOut as error:
        assert error.choices == {choice.pk}
        return "sold out"
    return "taken"


def hold(choice: Choice, key):
    try:
        with transaction.atomic():
            limited_choices.hold(key, {"slot": [choice.pk]}, HOUR)
    except limited_choices.ChoiceSoldOut:
        return "sold out"
    return "held"


def rounds(number: int) -> None:
    """Two buyers at once for one last place, by claiming and by holding."""
    choice = bus()
    for _round in range(number):
        Choice.objects.filter(pk=choice.pk).update(used=49)
        assert sorted(at_once(lambda: reserve(choice), lambda: reserve(choice))) == ["sold out", "taken"]
        choice.refresh_from_db()
        assert choice.used == 50
        Choice.objects.filter(pk=choice.pk).update(used=49)
        one, other = uuid.uuid4(), uuid.uuid4()
        assert sorted(
            at_once(lambda one=one: hold(choice, one), lambda other=other: hold(choice, other))
        ) == [
            "held",
            "sold out",
        ]
        assert ChoiceHold.objects.filter(choice=choice).count() == 1
        ChoiceHold.objects.all().delete()


@pytest.mark.scenario("RF-23")
@pytest.mark.django_db(transaction=True)
def test_last_place_goes_to_exactly_one():
    rounds(10)


@pytest.mark.scenario("RF-23")
@pytest.mark.django_db(transaction=True)
def test_without_the_lock_only_the_database_constraint_prevents_overselling():
    choice = bus()

    def careless():
        try:
            with transaction.atomic():
                free = Choice.objects.filter(pk=choice.pk, used__lt=F("capacity")).exists()
                meet()
                if free:
                    Choice.objects.filter(pk=choice.pk).update(used=F("used") + 1)
                return "taken" if free else "sold out"
        except IntegrityError:
            return "oversold"

    assert sorted(at_once(careless, careless)) == ["oversold", "taken"]
    # Holds have no such constraint: looked at without the lock, both get one.
    Choice.objects.filter(pk=choice.pk).update(used=49)

    def careless_hold():
        with transaction.atomic():
            key = uuid.uuid4()
            full = limited_choices.sold_out([choice.pk], key)
            meet()
            if not full:
                ChoiceHold.objects.create(
                    choice=choice, key=key, slot="s", expires_at="2100-01-01T00:00+00:00"
                )

    at_once(careless_hold, careless_hold)
    assert ChoiceHold.objects.filter(choice=choice).count() == 2


@pytest.mark.scenario("RF-23")
@pytest.mark.django_db
def test_hold_counts_until_it_ends_and_not_for_its_own_cart():
    choice, mine, other = bus(), uuid.uuid4(), uuid.uuid4()
    assert hold(choice, mine) == "held"
    assert limited_choices.sold_out([choice.pk]) == {choice.pk}
    assert limited_choices.sold_out([choice.pk], mine) == set()
    assert reserve(choice, other) == "sold out"
    ChoiceHold.objects.update(expires_at="2020-01-01T00:00+00:00")
    assert limited_choices.sold_out([choice.pk]) == set()
    assert hold(choice, other) == "held"
    assert reserve(choice, other) == "taken"
    assert not ChoiceHold.objects.filter(key=other).exists()
    assert limited_choices.FORGET.run(timezone.now()) == 1
    limited_choices.release(Counter({choice.pk: 1}))
    assert limited_choices.sold_out([choice.pk]) == set()


@pytest.mark.django_db
def test_choices_of_one_form_and_of_several_are_counted_alike(django_assert_num_queries):
    one, other, key = bus(), bus(used=50), uuid.uuid4()
    hold(one, key)
    of_one = limited_choices.of_forms({one.field.form_id}, key)
    of_other = limited_choices.of_forms({other.field.form_id}, key)
    assert [(each.pk, each.left) for each in of_one + of_other] == [(one.pk, 1), (other.pk, 0)]
    with django_assert_num_queries(1):
        both = limited_choices.of_forms({one.field.form_id, other.field.form_id}, key)
    assert sorted(both, key=lambda each: each.pk) == of_one + of_other
    assert [each.left for each in limited_choices.of_forms({one.field.form_id}, uuid.uuid4())] == [0]


@pytest.mark.django_db
def test_refused_hold_changes_nothing():
    free, full, key = bus(), bus(used=50), uuid.uuid4()
    with transaction.atomic():
        limited_choices.hold(key, {"a": [free.pk]}, HOUR)
    with pytest.raises(limited_choices.ChoiceSoldOut), transaction.atomic():
        limited_choices.hold(key, {"a": [free.pk, full.pk]}, HOUR)
    assert list(ChoiceHold.objects.values_list("choice", flat=True)) == [free.pk]


@pytest.mark.django_db
def test_choice_without_a_limit_is_never_sold_out():
    choice = ask(make_form(), "Bus", "dropdown", choices=["walk"]).choices.get()
    assert {reserve(choice) for _n in range(3)} == {"taken"}
    assert limited_choices.sold_out([choice.pk]) == set()
    choice.refresh_from_db()
    assert choice.used == 0
