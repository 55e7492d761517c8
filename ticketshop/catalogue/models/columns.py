"""Options of columns that tariffs and season passes share."""

from decimal import Decimal

from django.core.validators import MaxValueValidator, MinValueValidator

PRICE = {
    "max_digits": 9,
    "decimal_places": 2,
    "validators": [MinValueValidator(Decimal(0)), MaxValueValidator(Decimal(100_000))],
}
RATE = {
    "max_digits": 5,
    "decimal_places": 2,
    "validators": [MinValueValidator(Decimal(0)), MaxValueValidator(Decimal(50))],
}
COUNT = {"validators": [MinValueValidator(1), MaxValueValidator(500)]}
