"""``manage.py reset_second_factor EMAIL``: for a user without their second factor, such as the platform's administrator."""

from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone

from accounts.models import User
from accounts.second_factor import factors


class Command(BaseCommand):
    """Deletes the second factor of one log-in, ends its sessions, and tells its owner by mail."""

    help = "Delete the second factor of a log-in. The password stays; its owner is told by mail."

    def add_arguments(self, parser):
        parser.add_argument("email")

    def handle(self, *args, email, **options):
        user = User.objects.filter(email=email).first()
        if user is None:
            raise CommandError("Nobody logs in with this address. Check the spelling.")
        if not factors.reset(user, now=timezone.now()):
            raise CommandError("This log-in has no second factor: there is nothing to reset.")
        self.stdout.write("Reset. The next log-in asks for the password alone.")
