"""The queries for the rows that are about a person."""

import pytest
from django.db import connection
from django.utils import timezone

from privacy.declarations import subjects
from tests.factories.organisers import PointOfSaleFactory
from tests.friends import make_visitor
from ticketshop.mail.models import Mail

pytestmark = pytest.mark.django_db


def test_mails_of_a_person_can_be_read_by_indexes_alone():
    subject = subjects.subject_of(make_visitor(PointOfSaleFactory()))
    # With a handful of rows PostgreSQL may take the primary key instead: any index is one page then.
    now = timezone.now()
    Mail.objects.bulk_create(
        Mail(kind="log_in", recipient=f"person{number}@example.net", created_at=now) for number in range(2000)
    )
    indexes = ("mail_about_user", "mail_by_recipient")
    with connection.cursor() as cursor:
        # With few rows PostgreSQL may take another index, whichever was analysed last.
        cursor.execute(
            "SELECT indexname FROM pg_indexes WHERE tablename = 'mail_mail' AND indexdef NOT LIKE '%UNIQUE%'"
        )
        for (name,) in cursor.fetchall():
            if name not in indexes:
                cursor.execute(f"DROP INDEX {connection.ops.quote_name(name)}")
        cursor.execute("ANALYZE mail_mail")
        # Without these PostgreSQL takes an index wherever there is one, however few rows there are.
        for plan in ("seqscan", "mergejoin", "hashjoin"):
            cursor.execute(f"SET LOCAL enable_{plan} = off")
        plan = subjects.rows(Mail, subject).explain()
        assert all(name in plan for name in indexes), plan
        assert "Seq Scan" not in plan, plan
