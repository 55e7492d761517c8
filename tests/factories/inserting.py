"""The base of the factories whose rows need no action of the shop: they are inserted by ``writing``, with prepared statements."""

import factory
from django.db.models import Model

from ticketshop.lib.database import writing


class InsertingFactory(factory.django.DjangoModelFactory):
    """Insert a row as ``Model.save`` does, in less than half of its time, and without the signals of Django."""

    class Meta:
        abstract = True

    @classmethod
    def _create(cls, model_class, *args, **values):
        row = model_class(*args, **values)
        writing.insert([row])
        return row


def insert_together(*rows: Model) -> None:
    """Insert the rows that are new in two statements; the last one may refer to the others. No two are of one model."""
    *others, last = (row for row in rows if row._state.adding)
    writing.assign_keys(others)
    writing.insert([*others, last])
