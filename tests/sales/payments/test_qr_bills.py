"""QR-bills: read back from the pictures as a bank's app does, on the order's page, in mails, in PDF, and in the settings."""

import importlib
import io
import re
from decimal import Decimal

import pytest
from django.apps import apps
from django.utils import timezone, translation
from PIL import Image, ImageDraw

from tests.factories.catalogue import OfferFactory
from tests.factories.organisers import PointOfSaleFactory, make_staff
from tests.factories.sales import make_order
from tests.qr import codes_in_pdf, read_all, text_of_pdf
from tests.sales.mails.test_order_mails import deliver
from tests.staff import Staff, change
from tests.visitor import TestClientVisitor
from ticketshop.organisers.models import Organiser
from ticketshop.sales.mails import order_mails
from ticketshop.sales.models import PaymentMethod
from ticketshop.sales.orders import orders
from ticketshop.sales.payments import methods, payment_part, payments, qr_bills, qr_code

pytestmark = [pytest.mark.django_db, pytest.mark.scenario("PAY-13")]
NOW = timezone.now
ADDRESS = {
    "street": "Quai des Tilleuls",
    "house_number": "7",
    "postcode": "1201",
    "city": "Genève",
}
SETTINGS = {"account_holder": "Théâtre de l’Étang", "iban": "CH9300762011623852957"}


@pytest.fixture
def pos():
    return PointOfSaleFactory(
        organiser__time_zone="Europe/Zurich", **{f"organiser__{k}": v for k, v in ADDRESS.items()}
    )


@pytest.fixture
def order(pos):
    PaymentMethod.objects.create(point_of_sale=pos, code="bank_transfer", settings=SETTINGS)
    return make_order({OfferFactory(pos=pos, capacity=9, price=Decimal("35.00")): 2}, method="bank_transfer")


def bill_of(order):
    method = methods.of_order(order.point_of_sale, "bank_transfer")
    return method.qr_bill(order, payments.due(order))


def data(order, amount="70.00") -> list[str]:
    """Return the lines that the guidelines demand in the code."""
    reference = order.payments.order_by("pk").first().reference
    payee = ["S", "Théâtre de l'Étang", "Quai des Tilleuls", "7", "1201", "Genève", "CH"]
    return [
        *("SPC", "0200", "1", "CH9300762011623852957", *payee),
        *[""] * 7,
        *(amount, "CHF", *[""] * 7, "SCOR", reference, "", "EPD"),
    ]


def read(picture: Image.Image) -> list[str]:
    (found,) = read_all(picture)
    assert found.ec_level == "M"
    return found.text.rstrip("\n").split("\n")


def drawn(svg: str) -> Image.Image:
    """Draw the squares and the cross of our SVG, which has no other shapes."""
    x, y, side, _height = (int(n) for n in re.search(r'viewBox="(.*?)"', svg)[1].split())
    scale = 8
    picture = Image.new("L", (side * scale, side * scale), 255)
    draw = ImageDraw.Draw(picture)

    def box(left, top, right, bottom, fill):
        edges = [(left - x) * scale, (top - y) * scale, (right - x) * scale - 1, (bottom - y) * scale - 1]
        draw.rectangle([round(edge) for edge in edges], fill=fill)

    for left, top, width in re.findall(r"M(\d+) (\d+)h(\d+)v1H\1z", svg):
        box(int(left), int(top), int(left) + int(width), int(top) + 1, 0)
    corner, _same, unit = (
        float(n) for n in re.search(r"translate\((\S+) (\S+)\) scale\((\S+)\)", svg).groups()
    )
    for colour, (left, top, right, bottom) in qr_code.CROSS:
        box(corner + left * unit, corner + top * unit, corner + right * unit, corner + bottom * unit, colour)
    return picture


# --- the code --------------------------------------------------------------------------------------------
def test_svg_of_the_orders_page_is_read_back_with_every_value(order):
    page = TestClientVisitor().open(order_mails.order_path(order))
    address = re.search(r'src="(\S+/qr-bill\.svg)\?', page.source)[1]
    answer = TestClientVisitor().open(address)
    assert read(drawn(answer.source)) == data(order)
    # The text beside it has every value of the code.
    for value in (
        "CHF 70.00",
        "Théâtre de l’Étang",
        "Quai des Tilleuls 7, 1201 Genève",
        "CH93 0076 2011 6238 5295 7",
    ):
        assert value in page.text
    reference = order.payments.get().reference
    assert " ".join(reference[n : n + 4] for n in range(0, len(reference), 4)) in page.text


def test_pdf_is_read_back_and_has_receipt_and_payment_part(order):
    content = payment_part.render(order, bill_of(order))
    (code,) = codes_in_pdf(content)
    assert code.rstrip("\n").split("\n") == data(order)
    (text,) = text_of_pdf(content)
    for words in (
        "Receipt",
        "Payment part",
        "Account / Payable to",
        "Acceptance point",
        "Payable by (name/address)",
    ):
        assert words in text
    assert text.count("CH93 0076 2011 6238 5295 7") == 2
    assert text.count("Théâtre de l'Étang") == 2
    assert "Grace" not in text and "Hopper" not in text


@pytest.mark.parametrize("language, title", [("fr", "Section paiement"), ("en", "Payment part")])
def test_pdf_of_the_page_is_in_the_visitors_language(order, language, title):
    visitor = TestClientVisitor()
    with translation.override(language):
        content = payment_part.render(order, bill_of(order))
    assert title in text_of_pdf(content)[0]
    response = visitor.client.get(f"{order_mails.order_path(order)}qr-bill.pdf")
    assert response["Content-Type"] == "application/pdf"
    assert f'filename="qr-bill-{order.reference}.pdf"' in response["Content-Disposition"]


def test_amount_is_what_is_still_missing(order):
    payments.receive(order, Decimal(30), by=None, now=NOW())
    order.refresh_from_db()
    (code,) = codes_in_pdf(payment_part.render(order, bill_of(order)))
    assert code.rstrip("\n").split("\n") == data(order, "40.00")


def test_mail_has_the_pdf_and_the_code(order, mailoutbox):
    (letter,) = deliver(mailoutbox)
    attached = {part[0]: part[1] for part in letter.attachments if isinstance(part, tuple)}
    (code,) = codes_in_pdf(attached[f"qr-bill-{order.reference}.pdf"])
    assert code.rstrip("\n").split("\n") == data(order)
    html = letter.alternatives[0][0]
    assert 'src="cid:qr-bill"' in html
    (picture,) = [
        p for p in letter.attachments if not isinstance(p, tuple) and p["Content-ID"] == "<qr-bill>"
    ]
    assert read(Image.open(io.BytesIO(picture.get_payload(decode=True)))) == data(order)
    payments.receive(order, Decimal(30), by=None, now=NOW())
    (letter,) = deliver(mailoutbox)
    attached = {part[0]: part[1] for part in letter.attachments if isinstance(part, tuple)}
    (code,) = codes_in_pdf(attached[f"qr-bill-{order.reference}.pdf"])
    assert code.rstrip("\n").split("\n") == data(order, "40.00")


def test_longest_values_stay_inside_the_printed_part(pos):
    Organiser.objects.update(
        street="Rue " * 17 + "X", house_number="123456789 bis", city="Saint-Barthélemy-la-Grande-Fontaine"
    )
    pos.organiser.refresh_from_db()
    settings = {**SETTINGS, "account_holder": ("Fondation Őrség du Théâtre " * 3)[:70]}
    bill = qr_bills.make(pos.organiser, settings, Decimal("123456.05"), "CHF", "RF18539007547034")
    assert bill is not None
    assert (len(bill.name), len(bill.street), len(bill.city)) == (69, 69, 35)
    order = make_order({OfferFactory(pos=pos): 1}, method="bank_transfer")
    content = payment_part.render(order, bill)
    (code,) = codes_in_pdf(content)
    assert "123456.05" in code
    assert text_of_pdf(content)[0].count("123 456.05") == 2


# --- where there is none -------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    "organiser, settings, sentence",
    [
        ({"city": ""}, {}, "No QR-bill: the town is missing."),
        ({"postcode": ""}, {}, "No QR-bill: the postcode is missing."),
        ({}, {"account_holder": ""}, "No QR-bill: the account holder is missing."),
        ({"currency": "GBP"}, {}, "No QR-bill: the currency is neither CHF nor EUR."),
        ({}, {"iban": "DE89370400440532013000"}, "neither in Switzerland nor in Liechtenstein"),
        ({}, {"iban": "CH4431999123000889012"}, "No QR-bill: the IBAN can’t be used."),
        ({"street": "Улица"}, {}, "banks don’t take the character “У” (the street)"),
        ({"street": "x" * 71}, {}, "No QR-bill: the street has more than 70 characters."),
        ({"street": "", "house_number": ""}, {}, ""),
        ({"currency": "EUR"}, {"iban": "LI21 0881 0000 2324 013A A"}, ""),
    ],
)  # fmt: skip
def test_problem_says_what_is_missing_for_a_qr_bill(pos, organiser, settings, sentence):
    for name, value in organiser.items():
        setattr(pos.organiser, name, value)
    settings = {**SETTINGS, **settings}
    found = qr_bills.problem(pos.organiser, settings)
    assert sentence in found and bool(found) is bool(sentence)
    bill = qr_bills.make(pos.organiser, settings, Decimal(1), pos.organiser.currency, "RF18539007547034")
    assert (bill is None) is bool(sentence)


def test_orders_without_a_bill_have_neither_code_nor_pdf(order, mailoutbox):
    visitor = TestClientVisitor()
    path = order_mails.order_path(order)
    assert visitor.client.get(f"{path}qr-bill.svg").status_code == 200
    Organiser.objects.update(city="")
    assert "qr-bill" not in visitor.open(path).source
    assert "CH93 0076 2011 6238 5295 7" in visitor.page.text
    for name in ("qr-bill.svg", "qr-bill.pdf"):
        assert visitor.client.get(f"{path}{name}").status_code == 404
    (letter,) = deliver(mailoutbox)
    assert not letter.attachments and "cid:" not in letter.alternatives[0][0]


def test_orders_that_are_paid_have_no_bill_any_more(order):
    path = order_mails.order_path(order)
    assert TestClientVisitor().client.get(f"{path}qr-bill.pdf").status_code == 200
    payments.receive(order, order.total, by=None, now=NOW())
    assert TestClientVisitor().client.get(f"{path}qr-bill.pdf").status_code == 404


def test_cancelled_orders_have_no_bill(order):
    orders.cancel(order, by=None, now=NOW())
    assert TestClientVisitor().client.get(f"{order_mails.order_path(order)}qr-bill.svg").status_code == 404


def test_settings_page_says_why_there_is_no_bill(pos, order):
    staff = Staff(make_staff(pos.organiser, "owner"))
    assert "No QR-bill" not in staff.open(change(pos)).text
    Organiser.objects.update(city="")
    page = staff.open(change(pos))
    assert "No QR-bill: the town is missing." in page.text
    assert change(pos.organiser) in page.source


def test_house_number_of_old_addresses_gets_its_own_column(pos):
    migration = importlib.import_module("ticketshop.organisers.migrations.0013_house_number")
    rows = {
        "Quai des Tilleuls 7": ("Quai des Tilleuls", "7"),
        "Rue du 31-Décembre 8 bis": ("Rue du 31-Décembre", "8 bis"),
        "Case postale 12": ("Case postale 12", ""),
        "12, rue du Lac": ("12, rue du Lac", ""),
        "Am Platz": ("Am Platz", ""),
    }
    for old, (street, number) in rows.items():
        Organiser.objects.update(street=old, house_number="")
        migration.split_streets(apps, None)
        organiser = Organiser.objects.get()
        assert (organiser.street, organiser.house_number, organiser.street_line) == (street, number, old)
        migration.join_streets(apps, None)
        assert Organiser.objects.get().street == old
