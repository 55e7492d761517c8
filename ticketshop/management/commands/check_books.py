"""``manage.py check_books``: check that orders, places, money, mails and history agree."""

from django.core.management.base import BaseCommand, CommandError

from ticketshop.sales.orders import books

SHOWN = 50


class Command(BaseCommand):
    help = "Check that orders, places, money, mails and history agree. Ends with status 1 if they do not."

    def handle(self, **options):
        broken = 0
        for invariant in books.INVARIANTS:
            offending_rows = books.offending(invariant)
            broken += bool(offending_rows)
            more = f" and {len(offending_rows) - SHOWN} more" if len(offending_rows) > SHOWN else ""
            verdict = f"BROKEN by {', '.join(offending_rows[:SHOWN])}{more}" if offending_rows else "ok"
            self.stdout.write(f"{invariant.code} {verdict}: {invariant.says}")
        if broken:
            raise CommandError(f"{broken} of {len(books.INVARIANTS)} rules are broken.")
