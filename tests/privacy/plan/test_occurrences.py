"""Places in which others wrote the person's name, e-mail address or phone number: listed in the preview, with a choice for each."""

from datetime import timedelta

import pytest
from django.urls import NoReverseMatch, reverse
from django.utils import timezone

from contacts import contacts
from contacts.linking import adding, links
from contacts.models import Contact, ContactLink
from privacy.declarations import registry
from privacy.models import Erasure
from privacy.plan import occurrences, planning
from registration_forms.models import Answer, Response
from tests.exports import steps
from tests.factories.catalogue import OfferFactory
from tests.factories.organisers import make_staff
from tests.factories.registration_forms import ask, make_form, publish
from tests.factories.sales import make_order
from tests.friends import friendly_pos, linked, make_visitor
from tests.privacy.office import Office, bin_page, erase, erase_without_page, make_office
from tests.staff import Staff, change
from ticketshop.catalogue.models import Event
from ticketshop.exports.models import Job
from ticketshop.lib.personal import NotPersonal
from ticketshop.sales.models import BankEntry, BankFile, Cart, DateChange, DateMessage, OrderResponse, Ticket

pytestmark = [pytest.mark.django_db, pytest.mark.scenario("S21", "S35")]


@pytest.fixture
def office(office) -> Office:
    contacts.change(office.vera, {"phone": "+41791234567"}, by=None, now=timezone.now())
    return office


@pytest.fixture
def ticket(office) -> Ticket:
    """A ticket of Wilma's with Vera's name on it."""
    ticket = office.other.tickets.get()
    Ticket.objects.filter(pk=ticket.pk).update(holder_first_name="Vera", holder_last_name="Zweig")
    ticket.refresh_from_db()
    return ticket


def places(office: Office) -> list[occurrences.Occurrence]:
    contact = Contact.objects.select_related("organiser", "user").get(pk=office.vera.pk)
    return occurrences.find(contact, planning.plan(contact, now=timezone.now()))


def erase_there(office: Office) -> set:
    """Erase all places as the page does with those that staff have chosen. Return their rows, as they were."""
    plan = planning.plan(office.vera, now=timezone.now())
    found = occurrences.find(office.vera, plan)
    occurrences.erase_chosen(office.vera, plan, {place.key for place in found}, now=timezone.now())
    return {place.row for place in found}


def key(row) -> str:
    return f"{row._meta.label_lower}:{row.pk}"


def test_person_without_occurrences_has_an_empty_list(office):
    assert "Also named here" not in office.staff().open(bin_page(office.vera)).text


def test_name_on_a_ticket_of_another_order_is_listed_and_needs_a_choice(office, ticket):
    staff = office.staff()
    page = staff.open(bin_page(office.vera))
    assert "Also named here" in page.text and "Vera Zweig" in page.text
    assert change(ticket) in page.source
    page = staff.fill("^seen$", {})
    assert "Nothing was erased" in page.text
    assert not Erasure.objects.exists()


def test_occurrence_erased_by_staff_is_not_found_again_and_counted(office, ticket):
    staff = office.staff()
    assert "Vera Zweig" in staff.open(change(office.other)).text
    page = erase(staff, office.vera, **{key(ticket): "erase"})
    assert Erasure.objects.get().state == "closed"
    ticket.refresh_from_db()
    assert (ticket.holder_first_name, ticket.holder_last_name) == ("", "") and ticket.holder_erased_at
    assert ticket.state == "valid" and office.wilma.full_name == "Wilma Zweigli"
    assert "Tickets" in page.text
    assert "Vera" not in staff.open(change(office.other)).text


def test_columns_about_the_same_person_are_erased_with_the_name(office, ticket):
    Ticket.objects.update(holder_email="vz@other.example")
    organiser, now = office.other.organiser, timezone.now()
    file = BankFile.objects.create(organiser=organiser, kind="camt.053", uploaded_at=now)
    entry = BankEntry.objects.create(
        organiser=organiser,
        file=file,
        account="CH9300762011623852957",
        booked_on=now.date(),
        amount=9,
        currency="CHF",
        payer="Vera Zweig",
        text="for mother’s birthday",
        text_key="a" * 64,
    )
    (place,) = [place for place in places(office) if place.row == entry]
    assert "Text" in place.where
    assert erase_there(office) == {ticket, entry}
    for row in (ticket, entry):
        row.refresh_from_db()
    assert (ticket.holder, ticket.holder_email) == ("", "")
    assert (entry.payer, entry.text, entry.text_key, entry.amount) == ("", "", "", 9)


def test_person_named_in_a_text_takes_its_check_number_along_and_leaves_the_payer(office):
    now = timezone.now()
    file = BankFile.objects.create(organiser=office.other.organiser, kind="camt.053", uploaded_at=now)
    entry = BankEntry.objects.create(
        organiser=office.other.organiser,
        file=file,
        account="CH9300762011623852957",
        booked_on=now.date(),
        amount=9,
        currency="CHF",
        payer="Wilma Zweigli",
        text="ticket of Vera Zweig",
        text_key="a" * 64,
    )
    assert erase_there(office) == {entry}
    entry.refresh_from_db()
    assert (entry.payer, entry.text, entry.text_key) == ("Wilma Zweigli", "", "")


def test_occurrence_of_another_person_of_that_name_stays(office, ticket):
    erase(office.staff(), office.vera, **{key(ticket): "other"})
    assert Erasure.objects.get().state == "closed"
    ticket.refresh_from_db()
    assert ticket.holder == "Vera Zweig"


def test_occurrence_in_an_answer_is_listed_and_erased(office):
    texts = [
        "Bringing Vera Zweig along",
        "ZWEIG, Vera",
        "call vera@zweig.example, please",
        "079 123 45 67",
        "Tel. +41 (0)79/123.45.67",
        "vera zweig",
        "VÉRA ZWEIG",
        "Vera-Zweig",
    ]
    answers = _answers(office, texts)
    assert [(place.row, place.text, place.erasable) for place in places(office)] == [
        (answer, text, True) for answer, text in zip(answers, texts, strict=True)
    ]
    staff = office.staff()
    assert change(office.other) in staff.open(bin_page(office.vera)).source
    staff.fill("^seen$", {key(answer): "erase" for answer in answers})
    for answer in answers:
        answer.refresh_from_db()
    assert {(answer.v_text, answer.state) for answer in answers} == {(None, Answer.State.ERASED)}
    assert Erasure.objects.get().state == "closed"


def test_parts_of_other_words_are_not_listed(office):
    texts = [
        "Vera Zweigli",
        "Severa Zweig",
        "avera@zweig.example",
        "vera@zweig.example.org",
        "Vera is late, Zweig too",
        "179 123 45 678",
        "Zweig",
    ]
    *_others, last = _answers(office, [*texts, "Vera Zweig"])
    assert [place.row for place in places(office)] == [last]


def test_a_postal_address_that_names_the_person_is_listed_on_one_line(office):
    _answer(office, "c/o Vera Zweig\t1204\tGenève\tCH")
    (place,) = places(office)
    assert place.text == "c/o Vera Zweig, 1204, Genève, CH"


def _answer(office: Office, text: str) -> Answer:
    """An answer of Wilma's, for her order."""
    (answer,) = _answers(office, [text])
    return answer


def _answers(office: Office, texts: list[str]) -> list[Answer]:
    """Answers of Wilma's to as many questions of one form, for her order."""
    form, now = make_form("order", organiser=office.pos.organiser), timezone.now()
    fields = [ask(form, f"Remark {number}") for number, _text in enumerate(texts)]
    response = Response.objects.create(
        organiser=office.pos.organiser,
        form=form,
        version=publish(form),
        about=office.wilma,
        language="en",
        created_at=now,
        changed_at=now,
    )
    OrderResponse.objects.create(order=office.other, response=response)
    return [
        response.answers.create(field=field, state=1, v_text=text)
        for field, text in zip(fields, texts, strict=True)
    ]


def test_a_cart_a_reason_and_a_description_are_listed(office):
    cart = _cart(office)
    job = steps.ask("customers", office.pos.organiser, "customers", by=office.owner)
    Job.objects.filter(pk=job.pk).update(reason="For Vera Zweig, as she asked")
    event = Event.objects.filter(organiser=office.pos.organiser).first()
    Event.objects.filter(pk=event.pk).update(description_en="With Vera Zweig on the piano")
    found = {one.key: one.erasable for one in places(office)}
    assert found == {key(cart): True, key(job): True, key(event): False}
    staff = office.staff()
    page = staff.open(bin_page(office.vera))
    assert change(event) in page.source
    choices = {key(cart): "erase", key(job): "erase", key(event): "erase"}
    assert "Nothing was erased" in staff.fill("^seen$", choices).text
    staff.fill("^seen$", choices | {key(event): "other"})
    cart.refresh_from_db()
    job.refresh_from_db()
    assert "Vera" not in str(cart.details) and "Otto" in str(cart.details)
    assert "Vera" not in job.reason
    assert Erasure.objects.get().state == "closed"


def _cart(office: Office) -> Cart:
    now = timezone.now()
    return Cart.objects.create(
        point_of_sale=office.pos,
        created_at=now,
        expires_at=now + timedelta(hours=5),
        details={
            "buyer": {"first_name": "Otto", "last_name": "Other", "email": "otto@mail.example"},
            "holders": {"a": {"first_name": "Vera", "last_name": "Zweig"}},
        },
    )


def test_occurrence_changed_on_its_page_needs_no_choice(office, ticket):
    staff = office.staff()
    staff.open(bin_page(office.vera))
    form = staff.page.form("^seen$")
    Ticket.objects.filter(pk=ticket.pk).update(holder_first_name="Vreni")
    staff.submit(form)
    assert Erasure.objects.get().state == "closed"


@pytest.mark.scenario("S08")
def test_another_organisers_places_are_neither_listed_nor_changed(office):
    other = make_office()
    order = make_order(
        pos=other.pos, buyer={"first_name": "Oda", "last_name": "Else", "email": "oda@e.example"}
    )
    Ticket.objects.filter(order=order).update(holder_first_name="Vera", holder_last_name="Zweig")
    elsewhere = Ticket.objects.filter(order=order).first()
    assert places(office) == []
    erase_without_page(office.vera)
    elsewhere.refresh_from_db()
    assert elsewhere.holder == "Vera Zweig"


@pytest.mark.parametrize("left", ["first_name", "last_name", "email", "phone", ""])
def test_person_with_only_a_name_address_or_phone_is_found(office, left):
    _answer(office, "Vera Zweig, vera@zweig.example, +41 79 123 45 67")
    for name in {"first_name", "last_name", "email", "phone"} - {left}:
        contacts.change(office.vera, {name: ""}, by=None, now=timezone.now())
    page = office.staff().open(bin_page(office.vera))
    assert page.status == 200
    assert ("Also named here" in page.text) == (left in {"email", "phone"})


SPELLINGS = [
    (("Zoé", "Müller"), ("Zoe", "Mueller")),
    (("Zoé", "Müller"), ("ZOE", "MULLER")),
    (("Zoe", "Mueller"), ("Zoé", "Müller")),
    (("Jean-Luc", "O’Brien"), ("Jean Luc", "OBrien")),
    (("Søren", "Weiß"), ("Soeren", "WEISS")),
    (("Łucja", "Đorđević"), ("Lucja", "Dordevic")),
    (("محمد", "أحمد"), ("مُحَمَّد", "احمد")),
    (("علی‌رضا", "کریمی"), ("علی رضا", "كريمي")),
    (("伟", "王"), ("伟", "王")),
]


@pytest.mark.parametrize(("known", "typed"), SPELLINGS)
def test_another_spelling_of_the_name_is_found_on_a_ticket_and_in_an_answer(office, ticket, known, typed):
    _rename(office, *known)
    Ticket.objects.filter(pk=ticket.pk).update(holder_first_name=typed[0], holder_last_name=typed[1])
    answer = _answer(office, f"With {typed[0]} {typed[1]}, please")
    assert erase_there(office) == {ticket, answer}
    ticket.refresh_from_db()
    answer.refresh_from_db()
    assert (ticket.holder, answer.v_text) == ("", None)


def test_a_name_written_without_a_space_is_found_where_that_is_how_it_is_written(office):
    _rename(office, "伟", "王")
    answer = _answer(office, "我和王伟一起来")
    _answer(office, "我和王芳一起来")
    assert [place.row for place in places(office)] == [answer]


@pytest.mark.parametrize("name", [{"first_name": "Sukarno"}, {"last_name": "Sukarno"}])
def test_a_name_of_one_part_is_found_where_it_stands_alone(office, ticket, name):
    _rename(office, **name)
    assert places(office) == []
    Ticket.objects.filter(pk=ticket.pk).update(holder_first_name="SUKARNO", holder_last_name="")
    answer, cart = _answer(office, "Sukarno"), _cart(office)
    cart.details["holders"]["a"] = {"first_name": "Sukarno", "last_name": ""}
    cart.save()
    assert {place.row for place in places(office)} == {ticket, answer, cart}
    Ticket.objects.filter(pk=ticket.pk).update(holder_last_name="Keller")
    cart.details["holders"]["a"]["last_name"] = "Keller"
    cart.save()
    assert [place.row for place in places(office)] == [answer], "Sukarno Keller is somebody else"


def test_an_address_is_found_with_the_letters_of_its_domain(office):
    contacts.change(office.vera, {"email": "vera@faß.example"}, by=None, now=timezone.now())
    answers = [
        _answer(office, f"write to {typed}") for typed in ("Vera@Faß.example", "vera@xn--fa-hia.example")
    ]
    _answer(office, "write to vera@fass.example")
    assert [place.row for place in places(office)] == answers


def _rename(office: Office, first_name: str = "", last_name: str = "") -> None:
    contacts.change(
        office.vera, {"first_name": first_name, "last_name": last_name}, by=None, now=timezone.now()
    )


def test_contact_typed_by_others_is_erased_with_the_person():
    pos = friendly_pos()
    alice, bob = make_visitor(pos), make_visitor(pos, "Bob", "Miller")
    vera = make_visitor(pos, "Vera", "Zweig", email="vera@zweig.example")
    typed = linked(alice, pos, adding.Person("Vera", "Zweig", no_email=True))
    own = linked(alice, pos, ("Véra", "Zweig", "other@zweig.example"))
    make_order({OfferFactory(pos=pos): 1}, buyer=own.child, paid=True)
    another = linked(bob, pos, adding.Person("Vera", "Zweig", no_email=True))
    office = Staff(make_staff(pos.organiser, "owner"))
    office.open(bin_page(vera))
    office.fill("^seen$", {key(typed): "erase", key(own): "erase", key(another): "other"})
    assert Erasure.objects.get(together_with=None).state == "closed"
    gone = Contact.objects.filter(pk__in=[vera.pk, typed.child_id, own.child_id]).exclude(erased_at=None)
    assert {contact.pk for contact in gone} == {vera.pk, typed.child_id}, "who ordered is asked for alone"
    assert list(links.of_parent(alice)) == []
    assert [link.entered_name for link in links.of_parent(bob)] == ["Vera Zweig"]
    assert not ContactLink.objects.filter(parent=alice).exclude(entered_last_name="").exists()


def test_name_in_a_text_of_staff_that_no_page_can_change_is_erased_there(office):
    """Messages to everybody of a date, changes of a date, and reasons for opening the archive; other languages stay."""
    session = OfferFactory(pos=office.pos).session
    of_date = {"organiser": office.pos.organiser, "made_at": timezone.now()}
    texts = {"en": "Vera Zweig can’t sing tonight.", "fr": "Le concert change."}
    message = DateMessage.objects.create(
        session=session,
        starts_at=session.starts_at,
        subject={"en": "Vera Zweig is ill"},
        text=texts,
        **of_date,
    )
    moved = DateChange.objects.create(message="Ask Vera Zweig", **of_date)
    assert {(place.row, place.erasable) for place in places(office)} == {(message, True), (moved, True)}
    erase_there(office)
    message.refresh_from_db()
    moved.refresh_from_db()
    assert message.subject == {"en": "–"}
    assert message.text == {"en": "–", "fr": "Le concert change."}
    assert moved.message == "–"


def test_every_text_of_staff_without_a_page_can_be_erased_where_it_names_a_person():
    """A new column of this kind either gets a page or is one of ``erasable_texts``; the others contain no text of staff."""
    written_by_the_program = {
        "contacts.AddressSuppression.reason", "organisers.TermsVersion.texts", "organisers.TermsVersion.texts_hash",
        "registration_forms.ChoiceHold.slot", "registration_forms.FormVersion.definition", "registration_forms.FormVersion.sha256",
        "sales.CheckIn.gate", "sales.DateChange.before", "sales.DateMessage.states",
    }  # fmt: skip
    found = {
        f"{model._meta.label}.{column.name}"
        for model in registry.installed_models()
        for column in occurrences._typed_columns(model)
        if isinstance(registry.declaration(model).columns.get(column.name), NotPersonal)
        and column.name not in registry.declaration(model).erasable_texts
        and not has_a_page(model)
    }
    assert found == written_by_the_program


def has_a_page(model) -> bool:
    """Return whether staff can change rows of a model on its own page, or on that of the row it belongs to."""
    try:
        reverse(f"admin:{model._meta.app_label}_{model._meta.model_name}_change", args=[1])
    except NoReverseMatch:
        return model._meta.label in {
            "registration_forms.Choice",
            "sales.PaymentMethod",
            "sales.OrderResponse",
        }
    return True
