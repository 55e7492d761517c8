"""Copying a form for the next season."""

import pytest
from django.utils import timezone

from registration_forms import definitions
from registration_forms.building import copying
from tests.factories.registration_forms import ask, make_form, only_if, publish

pytestmark = pytest.mark.django_db


@pytest.mark.scenario("RF-04")
def test_copy_keeps_keys_and_its_counters_start_at_zero():
    form = make_form("tariff", group_asks="leader")
    form.organiser.languages = ["en", "fr", "de"]
    form.organiser.save()
    eats = ask(form, "Eats?", "yes_no", label_fr="Mange ?", label_de="Isst?")
    for number in range(7):
        ask(form, f"Question {number}", help_text_fr=f"Aide {number}", rules={"max_length": 50 + number})
    bus = ask(form, "Bus", "dropdown", choices=[("18:00", 50)], condition=only_if(eats, "yes"))
    ask(form, "Which seat?", condition=only_if(bus, op="filled"))
    gone = ask(form, "Archived")
    gone.archived_at = timezone.now()
    gone.save()
    bus.choices.update(used=49, label_fr="18 h", label_de="18 Uhr")
    publish(form)

    made = copying.copy(form, name="Jazz 2028", by=None, now=timezone.now())
    assert (made.name, made.kind, made.published) == ("Jazz 2028", "tariff", None)
    assert definitions.build(made) == definitions.build(form)
    assert made.fields.count() == 10
    choice = made.fields.get(key=bus.key).choices.get()
    assert (choice.capacity, choice.used, choice.label_de) == (50, 0, "18 Uhr")
    assert bus.choices.get().used == 49

    before = definitions.build(form)
    made.fields.filter(key=eats.key).update(label_en="Hungry?")
    made.fields.get(key=bus.key).choices.update(label_en="19:00")
    assert definitions.build(form) == before
