"""Exports of many participants: filled with SQL, written like the worker does, each in a new process.

``python -m tests.bench.exports fill FIRST LAST`` in the rig's environment adds the tickets with these numbers, four per order,
each with ten answers, and prints the id of the form. ``… write FORM KIND FORMAT`` prints the cost of one export: seconds,
peak megabytes, rows, bytes, statements. ``… ask FORM KIND FORMAT`` leaves it to the worker and prints its id.
"""

import json
import resource
import sys
import time

import django

django.setup()

from django.db import connection  # noqa: E402
from django.utils import timezone  # noqa: E402

from registration_forms.models import RegistrationForm  # noqa: E402
from tests.factories import registration_forms as made  # noqa: E402
from tests.factories.catalogue import AllotmentFactory, OfferFactory  # noqa: E402
from tests.factories.organisers import PointOfSaleFactory  # noqa: E402
from ticketshop.catalogue.models import Offer  # noqa: E402
from ticketshop.exports import jobs, kinds, writing  # noqa: E402
from ticketshop.exports.models import Job  # noqa: E402

PER_ORDER = 4
QUESTIONS = [
    ("Menu", "dropdown"), ("Workshop", "single_choice"), ("Interests", "multiple_choice"), ("Size", "text"),
    ("Remarks", "text"), ("Club", "text"), ("Phone", "phone"), ("Children", "number"), ("Born", "birth_date"),
    ("Newsletter", "yes_no"),
]  # fmt: skip
_COLUMN = {
    "dropdown": "v_choice_id", "single_choice": "v_choice_id", "multiple_choice": None, "number": "v_number",
    "birth_date": "v_date", "yes_no": "v_bool",
}  # fmt: skip
_VALUE = {
    "v_choice_id": "(SELECT (array_agg(id ORDER BY id))[1 + t.id %% 3] FROM registration_forms_choice WHERE field_id = {field})",
    "v_number": "t.id %% 7",
    "v_date": "date '1950-01-01' + (t.id %% 20000)::int",
    "v_bool": "t.id %% 2 = 0",
    "v_text": "'Answer of ' || t.id || ', as people write: \"so\"; and so'",
}
_CONTACTS = """
    INSERT INTO contacts_contact (organiser_id, number, subject_uuid, kind, first_name, last_name, email, email_key,
        email_kept, phone, company, street, postcode, city, country, language, created_via, created_at)
    SELECT %(organiser)s, 'X' || n, gen_random_uuid(), 'individual', 'Grace ' || n, 'Hopper', 'g' || n || '@example.org',
        'g' || n || '@example.org', false, '+41791234567', '', '', '', '', 'CH', 'en', 'import', now()
    FROM generate_series(%(first)s, %(last)s) AS n"""
_ORDERS = """
    INSERT INTO sales_order (organiser_id, point_of_sale_id, reference, secret, checkout_key, content_hash, buyer_id, state,
        channel, payment_method, currency, total, vat_total, language, network, placed_at, paid_at)
    SELECT %(organiser)s, %(pos)s, 'X' || c.number, c.number, gen_random_uuid(), '', c.id, 'paid', 'shop', 'on_site', 'CHF',
        140, 3, 'en', '', now(), now()
    FROM contacts_contact c JOIN generate_series(%(first)s, %(last)s) AS n ON c.number = 'X' || n
    WHERE c.organiser_id = %(organiser)s"""
_LINES = """
    INSERT INTO sales_orderline (order_id, offer_id, allotment_id, places, title, tariff_name, session_starts_at, quantity,
        unit_price, total, vat_rate, vat_amount)
    SELECT o.id, %(offer)s, %(allotment)s, 4, 'Event', 'Adult', now(), 4, 35, 140, 2.6, 3
    FROM sales_order o JOIN generate_series(%(first)s, %(last)s) AS n ON o.reference = 'XX' || n
    WHERE o.organiser_id = %(organiser)s"""
_RESPONSES = """
    INSERT INTO registration_forms_response (organiser_id, form_id, version_id, about_id, language, revision, created_at,
        changed_at, void)
    SELECT %(organiser)s, %(form)s, %(version)s, o.buyer_id, 'en', 1, now(), now(), false
    FROM sales_order o JOIN sales_orderline l ON l.order_id = o.id, generate_series(1, 4) AS n
    WHERE o.organiser_id = %(organiser)s AND NOT EXISTS (SELECT FROM sales_ticket t WHERE t.order_id = o.id)
    ORDER BY o.id"""
_TICKETS = """
    INSERT INTO sales_ticket (code, state, holder_first_name, holder_last_name, holder_email, line_id, order_id, session_id, response_id,
        beneficiary_id)
    SELECT 'X' || r.id, 'valid', 'Ada ' || r.id, 'Lovelace', '', l.id, o.id, %(session)s, r.id, o.buyer_id
    FROM registration_forms_response r JOIN sales_order o ON o.buyer_id = r.about_id JOIN sales_orderline l ON l.order_id = o.id
    WHERE r.form_id = %(form)s AND NOT EXISTS (SELECT FROM sales_ticket t WHERE t.response_id = r.id)"""
_ANSWERS = """
    INSERT INTO registration_forms_answer (response_id, field_id, state, {column})
    SELECT t.response_id, {field}, 1, {value} FROM sales_ticket t
    WHERE t.response_id IN (SELECT id FROM registration_forms_response WHERE form_id = %(form)s)
        AND NOT EXISTS (SELECT FROM registration_forms_answer a WHERE a.response_id = t.response_id AND a.field_id = {field})"""
_SEVERAL = """
    INSERT INTO registration_forms_answer_choices (answer_id, choice_id)
    SELECT a.id, c.id FROM registration_forms_answer a JOIN registration_forms_choice c ON c.field_id = a.field_id
    WHERE a.field_id = {field} AND c.position < 3
        AND NOT EXISTS (SELECT FROM registration_forms_answer_choices x WHERE x.answer_id = a.id)"""


def prepare() -> tuple[RegistrationForm, Offer]:
    """Create the form with ten questions and its event, once."""
    if form := RegistrationForm.objects.filter(name="The Marathon").first():
        return form, Offer.objects.get(tariff__form=form)
    pos = PointOfSaleFactory(slug="marathon", name="The Marathon")
    form = made.make_form(organiser=pos.organiser, name="The Marathon")
    for label, kind in QUESTIONS:
        choices = ["One", "Two", "Three, or more"] if "choice" in kind or kind == "dropdown" else ()
        made.ask(form, label, kind, choices=choices)
    made.publish(form)
    offer = OfferFactory(pos=pos, allotment=AllotmentFactory(organiser=pos.organiser, capacity=1_000_000))
    offer.tariff.form = form
    offer.tariff.save()
    return form, offer


def fill(first: int, last: int) -> int:
    """Add tickets ``first`` to ``last``, four per order, each with ten answers."""
    form, offer = prepare()
    values = {
        "organiser": form.organiser_id,
        "pos": offer.session.event.points_of_sale.get().pk,
        "offer": offer.pk,
        "allotment": offer.allotment_id,
        "session": offer.session_id,
        "form": form.pk,
        "version": form.published_id,
        "first": (first - 1) // PER_ORDER + 1,
        "last": last // PER_ORDER,
    }
    with connection.cursor() as cursor:
        cursor.execute("SET statement_timeout = 0")
        cursor.execute("SET session_replication_role = replica")
        for statement in (_CONTACTS, _ORDERS, _LINES, _RESPONSES, _TICKETS):
            cursor.execute(statement, values)
            cursor.execute("ANALYZE")
        for field in form.fields.all():
            column = _COLUMN.get(field.type, "v_text")
            names = {
                "field": field.pk,
                "column": column or "v_text",
                "value": _VALUE[column].format(field=field.pk) if column else "NULL",
            }
            cursor.execute(_ANSWERS.format(**names), values)
            if column is None:
                cursor.execute(_SEVERAL.format(**names))
        cursor.execute("VACUUM ANALYZE")
    connection.close()
    return form.pk


def ask(form_id: int, kind: str, file_format: str) -> Job:
    """Request an export like the page does."""
    form = RegistrationForm.objects.select_related("organiser").get(pk=form_id)
    return jobs.request(
        kinds.KINDS[kind],
        organiser=form.organiser,
        parameters={"source": "form", "number": form.pk},
        file_format=file_format,
        by=None,
        now=timezone.now(),
    )


def write(form_id: int, kind: str, file_format: str) -> dict:
    """Write one export, from the queued job to the file."""
    asked = ask(form_id, kind, file_format)
    counted = 0

    def count(execute, *arguments):
        nonlocal counted
        counted += 1
        return execute(*arguments)

    begin, cpu = time.monotonic(), time.process_time()
    with connection.execute_wrapper(count):
        writing.run(asked.pk)
    took, cpu = time.monotonic() - begin, time.process_time() - cpu
    job = Job.objects.defer("subjects").get(pk=asked.pk)
    assert job.state == Job.State.DONE, (job.state, job.error)
    size = job.size
    job.file.delete()
    return {
        "seconds": took,
        "cpu": cpu,
        "megabytes": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
        "rows": job.rows_done,
        "bytes": size,
        "statements": counted,
    }


def main() -> None:
    what, *arguments = sys.argv[1:]
    if what == "fill":
        print(json.dumps(fill(*map(int, arguments))))
    elif what == "ask":
        print(ask(int(arguments[0]), *arguments[1:]).pk)
    else:
        form, kind, file_format = arguments
        print(json.dumps(write(int(form), kind, file_format)))


if __name__ == "__main__":
    main()
