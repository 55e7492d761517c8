"""Exports of many participants: filled with SQL, written like the worker does, each in a new process.

``python -m tests.bench.exports fill FIRST LAST`` in the rig's environment adds the tickets with these numbers, four per order,
each with ten answers, and prints the id of the form; ``… delete`` deletes them. ``… write FORM KIND FORMAT`` prints the cost
of one export: seconds, peak megabytes, rows, bytes, statements. ``… ask FORM KIND FORMAT`` leaves it to the worker and prints
its id.
"""

import json
import re
import sys
import time
from pathlib import Path

import django
import psutil

django.setup()

from django.db import connection  # noqa: E402
from django.utils import timezone  # noqa: E402

from registration_forms.models import RegistrationForm  # noqa: E402
from tests.bench.filling import filling  # noqa: E402
from tests.bench.load import Meter  # noqa: E402
from tests.bench.people import database  # noqa: E402
from tests.factories import registration_forms as made  # noqa: E402
from tests.factories.catalogue import AllotmentFactory, OfferFactory  # noqa: E402
from tests.factories.organisers import PointOfSaleFactory  # noqa: E402
from ticketshop.catalogue.models import Offer  # noqa: E402
from ticketshop.exports import jobs, kinds, writing  # noqa: E402
from ticketshop.exports.models import Job  # noqa: E402
from ticketshop.lib import garbage  # noqa: E402

PER_ORDER = 4
_TABLES = (
    "contacts_contact", "sales_order", "sales_orderline", "registration_forms_response", "sales_ticket",
    "registration_forms_answer", "registration_forms_answer_choices",
)  # fmt: skip
QUESTIONS = [
    ("Menu", "dropdown"), ("Workshop", "single_choice"), ("Interests", "multiple_choice"), ("Size", "text"),
    ("Remarks", "text"), ("Club", "text"), ("Phone", "phone"), ("Children", "number"), ("Born", "birth_date"),
    ("Newsletter", "yes_no"),
]  # fmt: skip
_COLUMN = {
    "dropdown": "v_choice_id", "single_choice": "v_choice_id", "multiple_choice": None, "number": "v_number",
    "birth_date": "v_date", "yes_no": "v_bool",
}  # fmt: skip
# ``t``: the number of a ticket. Rows have the id _FIRST + their number.
_VALUE = {
    "v_choice_id": "(SELECT array_agg(id ORDER BY id) FROM registration_forms_choice WHERE field_id = {field})[1 + t %% 3]",
    "v_number": "t %% 7",
    "v_date": "date '1950-01-01' + t::int %% 20000",
    "v_bool": "t %% 2 = 0",
    "v_text": "'Answer of ' || t || ', as people write: \"so\"; and so'",
}
_FIRST = 50_000_000
_CONTACTS = """
    INSERT INTO contacts_contact (id, organiser_id, number, subject_uuid, kind, first_name, last_name, email, email_key,
        email_kept, phone, company, street, postcode, city, country, language, created_via, created_at)
    SELECT %(base)s + n, %(organiser)s, 'X' || n, gen_random_uuid(), 'individual', 'Grace ' || n, 'Hopper', 'g' || n || '@example.org',
        'g' || n || '@example.org', false, '+41791234567', '', '', '', '', 'CH', 'en', 'import', now()
    FROM generate_series(%(first_order)s, %(last_order)s) AS n"""
_ORDERS = """
    INSERT INTO sales_order (id, organiser_id, point_of_sale_id, reference, secret, checkout_key, content_hash, buyer_id, state,
        channel, payment_method, currency, total, vat_total, language, network, placed_at, paid_at, replaced_secret, without_person,
        invitation)
    SELECT %(base)s + n, %(organiser)s, %(pos)s, 'XX' || n, 'X' || n, gen_random_uuid(), '', %(base)s + n, 'paid', 'shop', 'on_site', 'CHF',
        140, 3, 'en', '', now(), now(), '', false, ''
    FROM generate_series(%(first_order)s, %(last_order)s) AS n"""
_LINES = """
    INSERT INTO sales_orderline (id, order_id, offer_id, allotment_id, places, title, tariff_name, session_starts_at, quantity,
        unit_price, total, vat_rate, vat_amount)
    SELECT %(base)s + n, %(base)s + n, %(offer)s, %(allotment)s, 4, 'Event', 'Adult', now(), 4, 35, 140, 2.6, 3
    FROM generate_series(%(first_order)s, %(last_order)s) AS n"""
_RESPONSES = """
    INSERT INTO registration_forms_response (id, organiser_id, form_id, version_id, about_id, language, revision, created_at,
        changed_at, void)
    SELECT %(base)s + t, %(organiser)s, %(form)s, %(version)s, %(base)s + 1 + (t - 1) / 4, 'en', 1, now(), now(), false
    FROM generate_series(%(first)s, %(last)s) AS t"""
_TICKETS = """
    INSERT INTO sales_ticket (id, code, state, holder_first_name, holder_last_name, holder_email, line_id, order_id, session_id,
        response_id, beneficiary_id)
    SELECT %(base)s + t, 'X' || t, 'valid', 'Ada ' || t, 'Lovelace', '', o, o, %(session)s, %(base)s + t, o
    FROM generate_series(%(first)s, %(last)s) AS t, LATERAL (SELECT %(base)s + 1 + (t - 1) / 4 AS o) AS of_order"""
_ANSWERS = """
    INSERT INTO registration_forms_answer (response_id, field_id, state, {column})
    SELECT %(base)s + t, {field}, 1, {value} FROM generate_series(%(first)s, %(last)s) AS t"""
_SEVERAL = (
    """
    WITH added AS ("""
    + _ANSWERS
    + """ RETURNING id)
    INSERT INTO registration_forms_answer_choices (answer_id, choice_id)
    SELECT added.id, c.id FROM added, registration_forms_choice c WHERE c.field_id = {field} AND c.position < 3"""
)


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
        "base": _FIRST,
        "first": first,
        "last": last,
        "first_order": (first - 1) // PER_ORDER + 1,
        "last_order": last // PER_ORDER,
    }
    with filling(*_TABLES) as cursor:
        for statement in (_CONTACTS, _ORDERS, _LINES, _RESPONSES, _TICKETS):
            cursor.execute(statement, values)
        for field in form.fields.all():
            column = _COLUMN.get(field.type, "v_text")
            statement = _ANSWERS if column else _SEVERAL
            value = _VALUE[column].format(field=field.pk) if column else "NULL"
            cursor.execute(statement.format(field=field.pk, column=column or "v_text", value=value), values)
    return form.pk


def delete() -> None:
    """Delete all that ``fill`` has added: these orders have no payments and no mails, which ``check_books`` would report."""
    with filling(*_TABLES) as cursor:
        answers = f"SELECT id FROM registration_forms_answer WHERE response_id >= {_FIRST}"
        cursor.execute(f"DELETE FROM registration_forms_answer_choices WHERE answer_id IN ({answers})")
        cursor.execute(f"DELETE FROM registration_forms_answer WHERE response_id >= {_FIRST}")
        for table in set(_TABLES) - {"registration_forms_answer", "registration_forms_answer_choices"}:
            cursor.execute(f"DELETE FROM {table} WHERE id >= {_FIRST}")


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


def _most_megabytes() -> float:
    """Return the largest memory of this process so far. ``ru_maxrss`` would include that of the process it was forked from."""
    status = Path("/proc/self/status").read_text(encoding="utf-8")
    return int(re.search(r"VmHWM:\s+(\d+) kB", status)[1]) / 1024


def write(form_id: int, kind: str, file_format: str) -> dict:
    """Write one export like the worker does, from the queued job to the file."""
    garbage.search_rarely()
    asked = ask(form_id, kind, file_format)
    counted = 0

    def count(execute, *arguments):
        nonlocal counted
        counted += 1
        return execute(*arguments)

    begin = time.monotonic()
    with Meter(psutil.Process(), database()) as meter, connection.execute_wrapper(count):
        writing.run(asked.pk)
    took, (cpu, of_database) = time.monotonic() - begin, meter.spent
    job = Job.objects.defer("subjects").get(pk=asked.pk)
    assert job.state == Job.State.DONE, (job.state, job.error)
    size = job.size
    job.file.delete()
    return {
        "seconds": took,
        "cpu": cpu,
        "database": of_database,
        "megabytes": _most_megabytes(),
        "rows": job.rows_done,
        "bytes": size,
        "statements": counted,
    }


def main() -> None:
    what, *arguments = sys.argv[1:]
    if what == "fill":
        print(json.dumps(fill(*map(int, arguments))))
    elif what == "delete":
        delete()
    elif what == "ask":
        print(ask(int(arguments[0]), *arguments[1:]).pk)
    else:
        form, kind, file_format = arguments
        print(json.dumps(write(int(form), kind, file_format)))


if __name__ == "__main__":
    main()
