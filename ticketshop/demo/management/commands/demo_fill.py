"""``manage.py demo_fill``: two organisers with a season, visitors and orders."""

from datetime import date, datetime
from zoneinfo import ZoneInfo

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from ticketshop.demo import filling, payment_service, tonight
from ticketshop.demo.money import card_payments
from ticketshop.demo.programme import pictures
from ticketshop.organisers.models import Organiser


class Command(BaseCommand):
    help = "Fill an empty installation with the demo: two organisers, their seasons, visitors and orders, and a date tonight."

    def add_arguments(self, parser):
        parser.add_argument(
            "--once", action="store_true", help="when there are organisers already, add a date tonight only"
        )
        parser.add_argument(
            "--today",
            type=date.fromisoformat,
            help="the day the seasons count from, such as 2026-03-01 (default: today)",
        )

    def handle(self, *, once, today, **options):
        today = today or datetime.now(ZoneInfo("Europe/Zurich")).date()
        if Organiser.objects.exists():
            if not once:
                raise CommandError("There are organisers already. `make reset` forgets them.")
        else:
            filling.fill(today)
            card_payments.write(payment_service.state_file(settings.VAR_DIR))
            pictures.draw(filling.HOUSES)
        tonight.write(today)
