"""Visitors at a browser, and what the worker puts into their mailboxes."""

import re

import pytest

from tests.factories.organisers import PointOfSaleFactory
from tests.visitor import TestClientVisitor
from ticketshop.mail import tasks
from ticketshop.mail.models import Mail


@pytest.fixture
def pos(db):
    return PointOfSaleFactory(slug="theatre", name="The Theatre")


@pytest.fixture
def visitor() -> TestClientVisitor:
    return TestClientVisitor()


@pytest.fixture
def post(mailoutbox):
    """``post()`` does the worker's work: sends what is queued and returns the new letters."""

    def deliver() -> list:
        already = len(mailoutbox)
        for pk in Mail.objects.filter(state=Mail.State.QUEUED).order_by("pk").values_list("pk", flat=True):
            tasks.send(pk)
        return mailoutbox[already:]

    return deliver


def link_in(letter) -> str:
    """The address that the mail asks to open, below this site."""
    addresses = re.findall(r"http://testserver(/accounts/\S+)", letter.body)
    assert addresses, letter.body
    return addresses[-1]
