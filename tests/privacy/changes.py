"""Compare the whole database before and after, and check each change against the declarations of a person's rows."""

from collections.abc import Iterator
from dataclasses import dataclass

from django.db import connection, models
from django.utils import timezone

from privacy.declarations import registry
from privacy.plan import companions
from tests.privacy import planting
from tests.privacy.people import Person
from tests.privacy.scanner import Snapshot
from ticketshop.catalogue.models import Hold
from ticketshop.lib.personal import DeleteRow
from ticketshop.sales.models import Cart

GONE, NEW = "(gone)", "(new)"


@dataclass(frozen=True, order=True)
class Change:
    """One value that is another one now; of a row that is gone or new the column says so."""

    table: str
    row: str
    column: str


def between(before: Snapshot, after: Snapshot) -> set[Change]:
    """Every value, row and table that differs."""
    found = set()
    for table in before.keys() | after.keys():
        old, new = before.get(table, {}), after.get(table, {})
        found |= {Change(table.name, row, GONE) for row in old.keys() - new.keys()}
        found |= {Change(table.name, row, NEW) for row in new.keys() - old.keys()}
        for row in old.keys() & new.keys():
            if old[row] != new[row]:
                found |= {
                    Change(table.name, row, column)
                    for number, column in enumerate(table.columns)
                    if old[row][number] != new[row][number]
                }
    return found


# Rows an erasure makes, and what it writes beside the columns of the person.
OWN = {
    Change("contacts_contact", "*", "erasing_at"),
    Change("contacts_contact", "*", "erased_at"),
    Change("contacts_contact", "*", "erasing_until"),
    # Made by the database from columns that are emptied.
    Change("contacts_contact", "*", "sort_key"),
    Change("contacts_contact", "*", "search"),
    Change("privacy_erasure", "*", NEW),
    Change("privacy_erasurestep", "*", NEW),
    Change("privacy_pendingdeletion", "*", NEW),
    Change("history_event", "*", NEW),
    Change("procrastinate_jobs", "*", NEW),
    Change("procrastinate_events", "*", NEW),
    # Counters of log-in by hashes of the address.
    Change("cache_entries", "*", GONE),
}


class Explained:
    """What may change when a person is erased: noted before, as afterwards nothing says whose it was."""

    def __init__(self, person: Person):
        self._cells: set[Change] = set()
        gone: dict[type[models.Model], set] = {}
        for model in registry.installed_models():
            for column, _key, word in planting.erasing_words(model):
                for pk in planting.rows_for(model, column, word, person):
                    self._cells.add(Change(model._meta.db_table, str(pk), column.column))
                    if isinstance(word, DeleteRow):
                        gone.setdefault(model, set()).add(pk)
        self._gone = {
            Change(model._meta.db_table, str(pk), GONE)
            for model, pks in _with_what_hangs_on_them(gone).items()
            for pk in pks
        }
        # Whom only this person added goes too, or gets a day; mailed links to a log-in that stays open nothing more.
        for companion in companions.companions_of(person.contact, now=timezone.now()):
            self._cells.add(Change("contacts_contact", str(companion.contact.pk), "purge_after"))
            if not companion.is_deferred:
                theirs = Explained(Person("companion", person.house, companion.contact, None))
                self._cells |= theirs._cells
                self._gone |= theirs._gone
        if person.user is not None and not person.log_in_goes:
            self._cells.add(Change("accounts_user", str(person.user.pk), "last_login"))
        # Rows of others that name the person say nothing of them any more.
        for model, module in registry.mentions():
            for pk in module.rows(person.contact.pk).values_list("pk", flat=True):
                written = (module.COLUMN, "details_complete", "once", "state")
                self._cells |= {Change(model._meta.db_table, str(pk), column) for column in written}
        # Places held for a cart are free again with it.
        held = Hold.objects.filter(key__in=Cart.objects.filter(pk__in=gone.get(Cart, ())).values("key"))
        self._gone |= {Change("catalogue_hold", str(pk), GONE) for pk in held.values_list("pk", flat=True)}

    def leaves_open(self, changes: set[Change]) -> set[Change]:
        """The changes that no declaration asks for."""
        return {
            change
            for change in changes - self._cells - self._gone
            if Change(change.table, "*", change.column) not in OWN
        }


def _with_what_hangs_on_them(gone: dict) -> dict:
    """Rows that the database deletes with those: lines of a cart, requests of a link."""
    whole = {model: set(pks) for model, pks in gone.items()}
    waiting = list(gone)
    while waiting:
        parent = waiting.pop()
        for model in registry.installed_models():
            for key in _keys_to(model, parent):
                rows = model._base_manager.filter(**{f"{key.name}__in": whole[parent]})
                new = set(rows.values_list("pk", flat=True)) - whole.get(model, set())
                if new:
                    whole.setdefault(model, set()).update(new)
                    waiting.append(model)
    return whole


def _keys_to(model, parent) -> Iterator[models.ForeignKey]:
    for column in model._meta.concrete_fields:
        leads_there = isinstance(column, models.ForeignKey) and column.related_model is parent
        if leads_there and column.remote_field.on_delete is models.CASCADE:
            yield column


# Written as SQL, so that it shares no code with what it watches.
_MONEY = """
    SELECT 'sold', coalesce(e.title, ''), l.title, l.tariff_name, l.vat_rate::text, o.currency, o.payment_method, o.state,
        to_char(o.placed_at, 'YYYY-MM'), count(*), sum(l.quantity), sum(l.total), sum(l.vat_amount)
    FROM sales_orderline l JOIN sales_order o ON o.id = l.order_id
    LEFT JOIN catalogue_offer f ON f.id = l.offer_id LEFT JOIN catalogue_session s ON s.id = f.session_id
    LEFT JOIN catalogue_event e ON e.id = s.event_id
    GROUP BY 2, 3, 4, 5, 6, 7, 8, 9
    UNION ALL
    SELECT 'paid', '', p.method, p.state, '', p.currency, '', '', to_char(p.confirmed_at, 'YYYY-MM'),
        count(*), 0, sum(p.amount), 0
    FROM sales_payment p GROUP BY 3, 4, 6, 9
    UNION ALL
    SELECT 'back', '', r.state, '', '', '', '', '', to_char(r.requested_at, 'YYYY-MM'), count(*), 0, sum(r.amount), 0
    FROM sales_refund r GROUP BY 3, 9
    UNION ALL
    SELECT 'serial', '', code, state, '', '', '', '', '', 1, 0, 0, 0 FROM sales_ticket
    UNION ALL
    SELECT 'serial', '', code, state, '', '', '', '', '', 1, 0, 0, 0 FROM sales_issuedpass
    ORDER BY 1, 2, 3, 4, 5, 6, 7, 8, 9
"""


def money() -> list[tuple]:
    """The fingerprint of the books: sums by event, tariff, VAT rate, currency, method and month; serial numbers."""
    with connection.cursor() as cursor:
        cursor.execute(_MONEY)
        return cursor.fetchall()
