"""Versions of the terms of sale: a frozen copy for each change, which nobody can alter."""

import pytest
from django.db import InternalError, transaction
from django.db.utils import IntegrityError

from tests.factories.organisers import PointOfSaleFactory
from ticketshop.organisers.models import PointOfSale
from ticketshop.organisers.terms import TermsVersion

pytestmark = pytest.mark.django_db


def numbers(pos: PointOfSale) -> list[int]:
    return list(
        TermsVersion.objects.filter(point_of_sale=pos).order_by("number").values_list("number", flat=True)
    )


def test_changed_terms_are_a_new_version_and_unchanged_ones_are_not():
    pos = PointOfSaleFactory(terms="First.")
    first = pos.terms_version
    pos.name = "Another name"
    pos.save()
    assert (numbers(pos), pos.terms_version) == ([1], first)
    pos.terms_fr = "Premier."
    pos.save()
    pos.refresh_from_db()
    assert numbers(pos) == [1, 2]
    assert pos.terms_version.texts == {"en": "First.", "fr": "Premier."}
    first.refresh_from_db()
    assert first.texts == {"en": "First."}


def test_shop_without_terms_refers_to_no_version_and_later_to_a_new_one():
    pos = PointOfSaleFactory(terms="First.")
    pos.terms_en = ""
    pos.save()
    assert pos.terms_version is None
    pos.terms_en = "First."
    pos.save()
    pos.refresh_from_db()
    assert pos.terms_version.number == 1


def test_text_is_in_the_language_read_or_in_the_first_of_the_organiser():
    pos = PointOfSaleFactory(terms="Terms.")
    assert pos.terms_version.text_in("en") == "Terms."
    stand_in = pos.terms_version.text_in("fr")
    assert (stand_in, stand_in.language) == ("Terms.", "en")


def test_database_refuses_to_change_a_version():
    version = PointOfSaleFactory(terms="First.").terms_version
    with pytest.raises((InternalError, IntegrityError), match="never changed"), transaction.atomic():
        TermsVersion.objects.filter(pk=version.pk).update(texts={"en": "Other."})
