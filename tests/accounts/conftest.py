"""Fixtures: visitors in a browser, and the mails the worker has sent to them."""

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
    """``post()`` sends the queued mails, as the worker does, and returns the new ones."""

    def deliver() -> list:
        already = len(mailoutbox)
        for pk in Mail.objects.filter(state=Mail.State.QUEUED).order_by("pk").values_list("pk", flat=True):
            tasks.send(pk)
        return mailoutbox[already:]

    return deliver


def link_in(letter) -> str:
    """Return the path of the link in a mail."""
    addresses = re.findall(r"http://testserver(/accounts/\S+)", letter.body)
    assert addresses, letter.body
    return addresses[-1]
