"""Exports made after an erasure; each reads in a transaction of its own, so these tests commit."""

import pytest

from tests.exports import steps
from tests.privacy.office import coming_order, erase, make_office


@pytest.mark.scenario("S06")
@pytest.mark.django_db(transaction=True)
def test_export_made_after_an_erasure_does_not_contain_the_person():
    office = make_office()
    coming = coming_order(office.pos)
    read = steps.read(steps.done(steps.ask("orders", office.pos.organiser, "customers", by=office.owner)))
    assert "Zweig" in read.column("buyer_last_name")
    customers = steps.read(
        steps.done(steps.ask("customers", office.pos.organiser, "customers", by=office.owner))
    )
    assert sorted(customers.column("first_name")) == ["Vera", "Wilma"]
    erase(office.staff(), office.vera)
    for kind in ("orders", "customers"):
        read = steps.read(steps.done(steps.ask(kind, office.pos.organiser, "customers", by=office.owner)))
        text = str(read.lines)
        assert "Vera" not in text and "vera@zweig.example'" not in text and "Wilma" in text
        if kind == "orders":
            rows = {row["reference"]: row["buyer_last_name"] for row in read.rows}
            # Also for a person whose erasure waits for an event: they are named on the order of that event only.
            assert rows[office.order.reference] == rows[coming.reference] == "Erased customer"
    session = office.order.tickets.get().session
    read = steps.read(steps.done(steps.ask("participants", session, "session", by=office.owner)))
    assert read.column("last_name") == ["guest removed"]
    assert read.column("order.buyer_last_name") == ["Erased customer"]
