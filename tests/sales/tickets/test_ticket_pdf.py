"""Tickets as PDF and as a page to print: what stands on them, what they cost, and what stays off."""

import io
from datetime import timedelta
from decimal import Decimal
from uuid import uuid4

import pytest
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from django.utils import timezone, translation
from PIL import Image
from pypdf import PdfReader

from registration_forms.answers import responses
from tests.factories.catalogue import EventFactory, OfferFactory, SessionFactory, TariffFactory
from tests.factories.organisers import PointOfSaleFactory
from tests.factories.registration_forms import ask, make_form, publish
from tests.factories.sales import make_order
from tests.qr import codes_in_pdf, text_of_pdf
from tests.visitor import TestClientVisitor
from ticketshop.lib.pdf.text import ELLIPSIS
from ticketshop.sales import admission_lists
from ticketshop.sales.tickets import ticket_pdf

pytestmark = pytest.mark.django_db
NAMES = [
    ("محمد", "عبد الله"),
    ("שרה", "Alice כהן"),
    ("小明", "王"),
    ("สมชาย", "ใจดี"),
    ("राजेश", "क्षत्रिय"),
    ("🎭 Zoë", "O’Brien"),
    ("Wolfeschlegelsteinhausenbergerdorff", "Donaudampfschifffahrtselektrizitätenhauptbetriebswerk"),
]


def holders(*names):
    return [{"first_name": first, "last_name": last} for first, last in names]


def pdf_of(order, **how) -> bytes:
    return ticket_pdf.render(
        order, admission_lists.tickets_of(order), admission_lists.passes_of(order), **how
    )


def page_of(order) -> str:
    visitor = TestClientVisitor()
    return visitor.open(f"/{order.point_of_sale.slug}/orders/{order.reference}/{order.secret}/tickets/").text


def picture(folder: str, size=(1600, 900)) -> str:
    written = io.BytesIO()
    Image.new("RGB", size, "#1d5c9c").save(written, "WEBP")
    return default_storage.save(f"{folder}/{uuid4().hex}.webp", ContentFile(written.getvalue()))


@pytest.fixture
def media(settings, tmp_path):
    settings.MEDIA_ROOT = tmp_path


@pytest.mark.parametrize("count", [1, 20])
def test_each_page_tells_which_ticket_it_is_and_has_its_own_code(count):
    session = SessionFactory()
    offer = OfferFactory(session=session, tariff=TariffFactory(event=session.event, max_per_order=20))
    order = make_order(
        {offer: count}, holders=holders(*(NAMES[n % len(NAMES)] for n in range(count))), paid=True
    )
    content = pdf_of(order)
    pages = text_of_pdf(content)
    assert len(pages) == count
    assert len(set(codes_in_pdf(content))) == count
    assert [f"{n} of {count}" in page for n, page in enumerate(pages, 1)] == [count > 1] * count
    # No number of a row of the installation.
    assert all(
        f"Ticket {ticket.pk}" not in page for ticket, page in zip(order.tickets.all(), pages, strict=True)
    )


def test_a_tariff_for_four_says_what_it_costs_once():
    event = EventFactory()
    session = SessionFactory(event=event)
    family = TariffFactory(event=event, name="Family", price=Decimal(95), tickets_per_unit=4)
    adult = TariffFactory(event=event, name="Adult", price=Decimal(35))
    wanted = {OfferFactory(session=session, tariff=family): 1, OfferFactory(session=session, tariff=adult): 1}
    order = make_order(wanted, paid=True)
    pages = [page.replace("\N{NO-BREAK SPACE}", " ") for page in text_of_pdf(pdf_of(order))]
    by_tariff = ["Family" in page for page in pages]
    assert sorted(by_tariff) == [False, True, True, True, True]
    for page, is_family in zip(pages, by_tariff, strict=True):
        assert ("CHF 95.00 for 4 tickets" in " ".join(page.split())) == is_family
        assert ("CHF 35.00" in page) == (not is_family)
    assert page_of(order).replace("\N{NO-BREAK SPACE}", " ").count("CHF 95.00 for 4 tickets") == 4
    with translation.override("fr"):
        assert "pour 4 billets" in " ".join("".join(text_of_pdf(pdf_of(order))).split())


def test_a_person_the_buyer_chose_sees_no_price_and_no_reference():
    order = make_order({OfferFactory(): 2}, paid=True)
    with_all, without = (
        "".join(text_of_pdf(pdf_of(order))),
        "".join(text_of_pdf(pdf_of(order, for_holder=True))),
    )
    for text in ("35.00", order.reference):
        assert text in with_all
        assert text not in without


def test_pictures_and_logo_stand_on_the_pages_once_in_the_file(media):
    pos = PointOfSaleFactory()
    pos.logo.name = picture("logos", (600, 200))
    offer = OfferFactory(pos=pos)
    plain = len(pdf_of(make_order({offer: 2}, paid=True)))
    offer.session.event.image.name = picture("events")
    offer.session.event.save()
    pos.save()
    order = make_order({offer: 8}, paid=True)
    content = pdf_of(order)
    pages = PdfReader(io.BytesIO(content)).pages
    assert [len(page["/Resources"]["/XObject"]) for page in pages] == [2] * 8
    assert len(content) < plain + 60_000
    assert len(set(codes_in_pdf(content))) == 8


def test_a_picture_that_is_gone_leaves_a_ticket_with_its_title_in_colour(media):
    offer = OfferFactory()
    offer.session.event.title = "Hamlet"
    offer.session.event.image.name = "events/gone.webp"
    offer.session.event.save()
    content = pdf_of(make_order({offer: 1}, paid=True))
    assert "Hamlet" in text_of_pdf(content)[0]
    assert codes_in_pdf(content)


def test_a_long_title_is_whole_or_ends_with_the_sign_for_cut(media):
    title = (
        "Le Malade imaginaire, ou la véritable histoire d’un homme qui se croyait perdu, avec entracte et vin"
    )
    for name in ("", picture("events")):
        offer = OfferFactory()
        offer.session.event.title = title
        offer.session.event.image.name = name
        offer.session.event.save()
        (page,) = text_of_pdf(pdf_of(make_order({offer: 1}, paid=True)))
        shown = " ".join(page.split())
        assert title in shown or ELLIPSIS in shown


# --- what a form shows on the ticket -----------------------------------------------------------------------


def answered(text: str):
    """A paid order whose ticket shows an answer."""
    order = make_order({OfferFactory(): 1}, paid=True)
    form = make_form("tariff", organiser=order.organiser)
    field = ask(
        form, "Allergies and everything else the kitchen wants to know about you", "long_text", on_ticket=True
    )
    given = responses.NewResponse(publish(form), {field.key: text}, order.buyer_id)
    ticket = order.tickets.get()
    (ticket.response,) = responses.store(
        [given], organiser=order.organiser, language="en", now=timezone.now()
    )
    ticket.save()
    return order


@pytest.mark.parametrize("text", ["x" * 60, "word " * 30, "y" * 4000])
def test_a_long_answer_is_printed_and_cut_only_with_the_sign_for_it(text):
    order = answered(text)
    (page,) = text_of_pdf(pdf_of(order))
    shown = "".join(page.split())
    assert text[:20].replace(" ", "") in shown
    assert (ELLIPSIS in shown) or (text.replace(" ", "") in shown)
    # The page has it whole.
    assert " ".join(text.split()) in page_of(order)


def named(first: bool, last: bool, *, other_question: bool):
    """A paid order of a tariff whose form puts these parts of the name on the ticket."""
    order_form = make_form("tariff")
    for ref, on_ticket in (("first_name", first), ("last_name", last)):
        ask(order_form, ref, "text", system_ref=ref, visibility="mandatory", on_ticket=on_ticket)
    if other_question:
        ask(order_form, "Menu", "text")
    version = publish(order_form)
    offer = OfferFactory(pos=PointOfSaleFactory(organiser=order_form.organiser))
    order = make_order({offer: 1}, holders=holders(("Ada", "Lovelace")), paid=True)
    offer.tariff.form = order_form
    offer.tariff.save()
    if other_question:
        ticket = order.tickets.get()
        given = responses.NewResponse(version, {}, order.buyer_id)
        (ticket.response,) = responses.store(
            [given], organiser=order.organiser, language="en", now=timezone.now()
        )
        ticket.save()
    return order


@pytest.mark.parametrize("other_question", [True, False])
@pytest.mark.parametrize(("first", "last"), [(True, True), (False, True), (True, False), (False, False)])
def test_a_name_is_printed_only_as_far_as_its_form_puts_it_on_the_ticket(first, last, other_question):
    order = named(first, last, other_question=other_question)
    for text in (text_of_pdf(pdf_of(order))[0], page_of(order)):
        assert ("Ada" in text, "Lovelace" in text) == (first, last)


def test_a_ticket_without_a_form_prints_the_name():
    order = make_order(holders=holders(("Ada", "L")), paid=True)
    assert "Ada L" in text_of_pdf(pdf_of(order))[0]


@pytest.mark.parametrize("count", [1, 6])
def test_as_many_queries_for_many_tickets_as_for_one(count, django_assert_num_queries):
    order = make_order({OfferFactory(): count}, holders=holders(*NAMES[:count]), paid=True)
    tickets = admission_lists.tickets_of(order)
    with django_assert_num_queries(2):  # the shop, and forms that ask for names only
        ticket_pdf.render(order, tickets, [])


def test_doors_venue_and_time_stand_on_the_ticket():
    offer = OfferFactory()
    session = offer.session
    session.doors_at = session.starts_at - timedelta(minutes=30)
    session.save()
    (page,) = text_of_pdf(pdf_of(make_order({offer: 1}, paid=True)))
    assert f"doors {timezone.localtime(session.doors_at):%H:%M}" in page
