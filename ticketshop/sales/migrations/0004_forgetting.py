from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('sales', '0003_forms'),
    ]

    operations = [
        migrations.AddField(
            model_name='issuedpass',
            name='holder_erased_at',
            field=models.DateTimeField(blank=True, editable=False, null=True, verbose_name='name erased'),
        ),
        migrations.AddField(
            model_name='ticket',
            name='holder_erased_at',
            field=models.DateTimeField(blank=True, editable=False, null=True, verbose_name='name erased'),
        ),
    ]
