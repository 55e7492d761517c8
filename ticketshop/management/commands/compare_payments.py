"""``manage.py compare_payments``: compare a day's payments and refunds with the providers' lists."""

from datetime import date, timedelta

from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone

from ticketshop.organisers.models import PointOfSale
from ticketshop.sales.payments import comparing
from ticketshop.sales.payments.methods.base import KeysRefused, Movement, ProviderUnavailable

KINDS = {
    Movement.PAYMENT: "came",
    Movement.REFUND: "went back",
    Movement.DISPUTE: "disputed",
    Movement.PAYOUT: "paid out to the account",
}


class Command(BaseCommand):
    help = (
        "Compare the payments and refunds of a day with the lists of the payment services. "
        "Changes nothing. Ends with status 1 if something differs."
    )

    def add_arguments(self, parser):
        parser.add_argument(
            "--day",
            type=date.fromisoformat,
            default=None,
            metavar="2026-11-28",
            help="the day, in the organiser’s time zone; yesterday if none is given",
        )
        parser.add_argument("--point-of-sale", metavar="SLUG", help="one point of sale; all if none is given")

    def handle(self, *, day, point_of_sale, **options):
        day = day or timezone.localdate() - timedelta(days=1)
        shops = PointOfSale.objects.select_related("organiser").order_by("pk")
        if point_of_sale:
            shops = shops.filter(slug=point_of_sale)
            if not shops:
                raise CommandError(f"No point of sale has the address “{point_of_sale}”.")
        compared = differing = 0
        try:
            for comparison in comparing.compare(day, list(shops)):
                compared += 1
                differing += bool(comparison.differences)
                self._tell(day, comparison)
        except KeysRefused as error:
            raise CommandError(
                "A payment service refuses the key, or does not let it read its lists. "
                "Check the key of the point of sale; ticketshop/docs/payment-methods.md names what it has to be allowed."
            ) from error
        except ProviderUnavailable as error:
            raise CommandError("A payment service does not answer. Try again later.") from error
        if not compared:
            self.stdout.write("No point of sale has a payment service.")
        if differing:
            raise CommandError(f"{differing} of {compared} lists differ.")

    def _tell(self, day: date, comparison: comparing.Comparison) -> None:
        name = f"{comparison.pos.slug} {comparison.method.code} {day}"
        if not comparison.listed:
            self.stdout.write(f"{name}: this payment service has no list to compare with")
            return
        sums = [
            f"{amount} {currency} {KINDS[kind]}"
            for (kind, currency), amount in sorted(comparison.totals.items())
        ]
        verdict = "DIFFERS" if comparison.differences else "ok"
        self.stdout.write(f"{name} {verdict}: {', '.join(sums) or 'no money moved'}")
        for difference in comparison.differences:
            self.stdout.write(f"  {difference}")
