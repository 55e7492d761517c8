from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("sales", "0020_payment_last_answer")]

    operations = [
        migrations.AddField(
            model_name="refund",
            name="refused_at",
            field=models.DateTimeField(blank=True, null=True, verbose_name="refused by the payment service on"),
        ),
        # When a refund was refused was not stored; it was at the earliest when it was requested.
        migrations.RunSQL(
            "UPDATE sales_refund SET refused_at = requested_at WHERE state = 'failed'", migrations.RunSQL.noop
        ),
    ]
