"""The search in the lists of tickets and passes: the same results, whether a word is rare or frequent."""

import pytest

from tests.factories.catalogue import OfferFactory, SeasonPassFactory
from tests.factories.organisers import PointOfSaleFactory, make_staff
from tests.factories.sales import make_order
from tests.staff import Staff
from ticketshop.sales.admin import admissions

pytestmark = pytest.mark.django_db

HOLDERS = [("Grace", "Hopper"), ("Grace", "Murray"), ("Ada", "Hopper")]


@pytest.mark.parametrize("few", [0, 1, 2000])
@pytest.mark.parametrize("kind", ["ticket", "issuedpass"])
def test_search_for_rare_and_frequent_words_returns_the_same_rows(few, kind, monkeypatch):
    monkeypatch.setattr(admissions, "FEW", few)
    pos = PointOfSaleFactory()
    product = OfferFactory(pos=pos) if kind == "ticket" else SeasonPassFactory(pos=pos)
    holders = [{"first_name": first, "last_name": last} for first, last in HOLDERS]
    order = make_order({product: 3}, holders=holders, paid=True)
    rows = order.tickets if kind == "ticket" else order.passes
    by_name = {row.holder: row.code[:8] for row in rows.all()}
    staff = Staff(make_staff(pos.organiser))

    def found(words: str) -> set[str]:
        text = staff.open(f"/admin/sales/{kind}/?q={words}").text
        return {name for name, code in by_name.items() if code in text}

    assert found("grace") == {"Grace Hopper", "Grace Murray"}
    assert found("hopper gr") == {"Grace Hopper"}
    assert found("murray ada") == set()
    assert found(rows.get(holder_last_name="Murray").code) == {"Grace Murray"}
    assert found(order.reference.lower()) == set(by_name)
    assert found(f"{order.reference}+ada") == {"Ada Hopper"}
    assert found("nobody") == set()
