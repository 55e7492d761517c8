"""Typed times in the nights of clock changes: a skipped hour is refused with a suggestion, a repeated one means the first."""

from datetime import UTC, datetime

import pytest
from django.core.exceptions import ValidationError
from django.utils import timezone, translation

from ticketshop.lib.dates.moments import MomentField, readable


@pytest.fixture(autouse=True)
def in_zurich():
    with timezone.override("Europe/Zurich"):
        yield


def test_missing_hour_is_refused_with_an_earlier_time_and_the_same_instant():
    with pytest.raises(ValidationError) as refusal:
        MomentField().clean("2027-03-28T02:30")
    (sentence,) = refusal.value.messages
    assert sentence.startswith("02:30 does not exist on 28 March 2027")
    assert "03:30" in sentence
    assert MomentField().clean("2027-03-28T03:30") == datetime(2027, 3, 28, 1, 30, tzinfo=UTC)


def test_repeated_hour_means_the_first_and_the_text_states_it():
    first = MomentField().clean("2027-10-31T02:30")
    assert first == datetime(2027, 10, 31, 0, 30, tzinfo=UTC)
    assert readable(first) == "31 October 2027, 02:30 (the first time that night, before the clocks go back)"
    second = datetime(2027, 10, 31, 1, 30, tzinfo=UTC)
    assert readable(second).endswith("(the second time that night, after the clocks went back)")
    assert readable(datetime(2027, 10, 31, 2, 30, tzinfo=UTC)) == "31 October 2027, 03:30"
    assert not MomentField().has_changed(second, "2027-10-31T02:30")


@pytest.mark.parametrize(
    "typed", ["05.07.2027 20:30", "05/07/2027 20h30", "2027-07-05T20:30", "5.7.2027 20.30"]
)
@pytest.mark.parametrize("language", ["en", "fr"])
def test_day_comes_before_the_month_in_both_languages(typed, language):
    with translation.override(language):
        assert timezone.localtime(MomentField().clean(typed)).isoformat() == "2027-07-05T20:30:00+02:00"


def test_year_of_two_digits_is_refused():
    with pytest.raises(ValidationError):
        MomentField().clean("05.07.27 20:30")
