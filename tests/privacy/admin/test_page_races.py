"""The page that erases a customer, opened twice; apart from the others because it commits."""

import pytest
from django.test import Client

from privacy.models import Erasure
from tests.at_once import at_once
from tests.privacy.office import bin_page, make_office
from tests.staff import BACKEND, change
from tests.visitor import TestClientVisitor


@pytest.mark.scenario("S03", "S39")
@pytest.mark.django_db(transaction=True)
def test_two_posts_at_the_same_time_are_one_erasure():
    office, client = make_office(), Client()
    client.force_login(office.owner, backend=BACKEND)
    page = TestClientVisitor()
    page.client = client
    values = page.open(bin_page(office.vera)).form("^seen$").values

    def press() -> tuple[int, str]:
        other = Client()
        other.cookies = client.cookies
        answer = other.post(bin_page(office.vera), values)
        return answer.status_code, answer["Location"]

    first, second = at_once(press, press)
    done = Erasure.objects.get()
    assert first == second == (302, change(done))
    assert done.state == Erasure.State.CLOSED
