"""``manage.py worker``: the process that sends mails, writes exports, expires unpaid orders, sends reminders and cleans up."""

import asyncio

from django.core.management.base import BaseCommand

from ticketshop import installation, worker


class Command(BaseCommand):
    help = "Do what is queued, until SIGTERM. A database that is away is waited for."

    def handle(self, **options):
        installation.refuse_unfit_database()
        asyncio.run(worker.work())
