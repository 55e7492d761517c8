"""PostgreSQL's samples of values do not contain values of an erased person."""

import pytest
from django.db import connection
from django.utils import timezone

from privacy.erasure import erasing, statistics
from tests.factories.contacts import ContactFactory
from tests.factories.sales import make_order
from ticketshop.mail.models import Mail

pytestmark = [pytest.mark.django_db, pytest.mark.scenario("S25")]


def sampled(table: str) -> str:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT string_agg(most_common_vals::text, ' ') FROM pg_stats WHERE tablename = %s", [table]
        )
        return cursor.fetchone()[0] or ""


def test_planner_samples_do_not_contain_erased_values():
    order = make_order(buyer={"first_name": "Zoe", "last_name": "Planted", "email": "zoe@planted.example"})
    for _number in range(3):
        ContactFactory(organiser=order.organiser, last_name="Planted")
    statistics.analyse(["contacts_contact"])
    assert "Planted" in sampled("contacts_contact")
    erasing.erase(order.buyer, by=None, now=timezone.now(), bearer=True)
    ContactFactory._meta.model.objects.filter(last_name="Planted").update(last_name="Other")
    statistics.analyse(["contacts_contact"])
    assert "Planted" not in sampled("contacts_contact") and "Other" in sampled("contacts_contact")


def test_planner_samples_of_an_empty_table_are_deleted():
    make_order(buyer={"first_name": "Zoe", "last_name": "Planted", "email": "zoe@planted.example"})
    make_order(buyer={"first_name": "Zoe", "last_name": "Planted", "email": "zoe@planted.example"})
    statistics.analyse(["mail_mail"])
    assert "zoe@planted.example" in sampled("mail_mail")
    Mail.objects.all().delete()
    statistics.analyse(["mail_mail"])
    assert "zoe@planted.example" not in sampled("mail_mail")
