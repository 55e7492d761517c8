"""Mailed links of accounts and data that have ended show one page, which does not speak of an order."""

import pytest
from django.urls import reverse

from tests.factories.organisers import PointOfSaleFactory
from tests.visitor import TestClientVisitor

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize("name", ["links:show", "links:claim", "first_password", "data:open", "data:confirm"])
def test_ended_link_says_that_it_has_ended_and_nothing_about_an_order(name):
    arguments = {} if name == "links:claim" else {"token": "none"}
    if name.startswith("data:"):
        arguments["pos"] = PointOfSaleFactory().slug
    page = TestClientVisitor().open(reverse(name, kwargs=arguments))
    assert page.status == 410
    assert "This link has ended" in page.text
    assert "The order has a new link" not in page.text
