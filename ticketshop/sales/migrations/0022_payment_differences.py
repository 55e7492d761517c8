import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("organisers", "0013_house_number"),
        ("sales", "0021_refund_refused_at"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.AddField(
            model_name="paymentmethod",
            name="compared_until",
            field=models.DateField(blank=True, editable=False, null=True),
        ),
        migrations.CreateModel(
            name="PaymentDifference",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("method", models.CharField(max_length=20, verbose_name="method")),
                ("day", models.DateField(verbose_name="day")),
                (
                    "code",
                    models.CharField(
                        choices=[
                            ("unknown", "money came that is not noted here"),
                            ("not_confirmed", "money came for a payment that is not confirmed here"),
                            ("other_amount", "another amount came than is noted here"),
                            ("not_listed", "a payment is noted here that the payment service does not list"),
                            ("refund_unknown", "more went back than is noted here"),
                            ("refund_not_listed", "less went back than is noted here"),
                            ("dispute_unknown", "a payment is disputed, and no dispute is noted here"),
                        ],
                        max_length=20,
                        verbose_name="difference",
                    ),
                ),
                ("provider_reference", models.CharField(max_length=255, verbose_name="reference at the payment service")),
                ("amount_there", models.DecimalField(blank=True, decimal_places=2, max_digits=14, null=True, verbose_name="at the payment service")),
                ("currency_there", models.CharField(blank=True, max_length=3)),
                ("amount_here", models.DecimalField(blank=True, decimal_places=2, max_digits=14, null=True, verbose_name="noted here")),
                ("currency_here", models.CharField(blank=True, max_length=3)),
                ("found_at", models.DateTimeField(verbose_name="found")),
                ("resolved_at", models.DateTimeField(blank=True, null=True, verbose_name="not found any more")),
                ("handled_at", models.DateTimeField(blank=True, null=True, verbose_name="dealt with")),
                ("handled_by", models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.SET_NULL, related_name="+", to=settings.AUTH_USER_MODEL, verbose_name="dealt with by")),
                ("point_of_sale", models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name="+", to="organisers.pointofsale", verbose_name="point of sale")),
            ],
            options={
                "verbose_name": "difference to the payment service",
                "verbose_name_plural": "differences to payment services",
                "indexes": [
                    models.Index(
                        condition=models.Q(("handled_at", None), ("resolved_at", None)),
                        fields=["point_of_sale", "day"],
                        name="paymentdifference_open",
                    )
                ],
                "constraints": [
                    models.UniqueConstraint(
                        fields=("point_of_sale", "method", "day", "code", "provider_reference"),
                        name="paymentdifference_once",
                    )
                ],
            },
        ),
    ]
