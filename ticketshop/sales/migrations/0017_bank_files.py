"""Bank files and the payments in them. A file and its payments belong to one organiser: the database checks it."""

import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models


def same_organiser(name: str, column: str, target: str) -> migrations.RunSQL:
    """Return a composite key: the row at the other end belongs to the same organiser."""
    return migrations.RunSQL(
        f"ALTER TABLE sales_bankentry ADD CONSTRAINT {name} FOREIGN KEY (organiser_id, {column})"
        f" REFERENCES {target} (organiser_id, id) DEFERRABLE INITIALLY DEFERRED",
        f"ALTER TABLE sales_bankentry DROP CONSTRAINT {name}",
    )


class Migration(migrations.Migration):

    dependencies = [
        ('organisers', '0013_house_number'),
        ('sales', '0016_cancellations'),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name='BankFile',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('kind', models.CharField(max_length=10, verbose_name='format')),
                ('message_id', models.CharField(blank=True, max_length=35, verbose_name='number of the bank')),
                ('uploaded_at', models.DateTimeField(verbose_name='read in')),
                ('new', models.PositiveIntegerField(default=0, verbose_name='new payments')),
                ('known', models.PositiveIntegerField(default=0, verbose_name='known from earlier files')),
                ('left_out', models.PositiveIntegerField(default=0, verbose_name='debits and pending bookings, left out')),
                ('foreign', models.PositiveIntegerField(default=0, verbose_name='payments to other accounts, left out')),
                ('unreadable', models.PositiveIntegerField(default=0, verbose_name='bookings without amount or day')),
                ('organiser', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to='organisers.organiser', verbose_name='organiser')),
                ('uploaded_by', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='+', to=settings.AUTH_USER_MODEL, verbose_name='read in by')),
            ],
            options={
                'verbose_name': 'bank file',
                'verbose_name_plural': 'bank files',
            },
        ),
        migrations.CreateModel(
            name='BankEntry',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('kind', models.CharField(choices=[('credit', 'money came'), ('taken_back', 'the bank took money back'), ('returned', 'money that was paid out came back')], default='credit', max_length=10, verbose_name='kind')),
                ('state', models.CharField(choices=[('open', 'to be looked at'), ('recorded', 'recorded'), ('not_ours', 'not for an order'), ('done', 'dealt with by hand'), ('listed', 'listed one by one')], default='open', max_length=10, verbose_name='state')),
                ('account', models.CharField(max_length=34, verbose_name='account')),
                ('booked_on', models.DateField(verbose_name='booked')),
                ('amount', models.DecimalField(decimal_places=2, max_digits=14, verbose_name='amount')),
                ('currency', models.CharField(max_length=3, verbose_name='currency')),
                ('payments', models.PositiveIntegerField(default=1, verbose_name='payments')),
                ('references', models.CharField(blank=True, max_length=60, verbose_name='references found')),
                ('payer', models.CharField(blank=True, max_length=140, verbose_name='payer')),
                ('text', models.CharField(blank=True, max_length=600, verbose_name='text')),
                ('bank_key', models.CharField(blank=True, default='', editable=False, max_length=64)),
                ('text_key', models.CharField(blank=True, default='', editable=False, max_length=64)),
                ('booking_key', models.CharField(blank=True, default='', editable=False, max_length=64)),
                ('requested_at', models.DateTimeField(blank=True, editable=False, null=True)),
                ('handled_at', models.DateTimeField(blank=True, null=True, verbose_name='dealt with')),
                ('handled_by', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='+', to=settings.AUTH_USER_MODEL, verbose_name='dealt with by')),
                ('order', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='sales.order', verbose_name='order')),
                ('organiser', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to='organisers.organiser', verbose_name='organiser')),
                ('payment', models.OneToOneField(blank=True, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='bank_entry', to='sales.payment')),
                ('file', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='entries', to='sales.bankfile', verbose_name='bank file')),
            ],
            options={
                'verbose_name': 'payment of a bank file',
                'verbose_name_plural': 'payments of bank files',
            },
        ),
        migrations.AddConstraint(
            model_name='bankfile',
            constraint=models.UniqueConstraint(fields=('organiser', 'id'), name='bankfile_in_organiser'),
        ),
        migrations.AddIndex(
            model_name='bankentry',
            index=models.Index(fields=['organiser', '-booked_on', '-id'], name='bankentry_newest'),
        ),
        migrations.AddIndex(
            model_name='bankentry',
            index=models.Index(condition=models.Q(('state', 'open')), fields=['organiser'], name='bankentry_open'),
        ),
        migrations.AddIndex(
            model_name='bankentry',
            index=models.Index(condition=models.Q(('requested_at__isnull', False)), fields=['requested_at'], name='bankentry_requested'),
        ),
        migrations.AddIndex(
            model_name='bankentry',
            index=models.Index(condition=models.Q(('booking_key', ''), _negated=True), fields=['booking_key'], name='bankentry_booking'),
        ),
        migrations.AddConstraint(
            model_name='bankentry',
            constraint=models.UniqueConstraint(condition=models.Q(('bank_key', ''), _negated=True), fields=('organiser', 'bank_key'), name='bankentry_bank_key_once'),
        ),
        migrations.AddConstraint(
            model_name='bankentry',
            constraint=models.UniqueConstraint(condition=models.Q(('text_key', ''), _negated=True), fields=('organiser', 'text_key'), name='bankentry_text_key_once'),
        ),
        migrations.AddConstraint(
            model_name='bankentry',
            constraint=models.CheckConstraint(condition=models.Q(('amount__gt', 0)), name='bankentry_positive'),
        ),
        migrations.AddConstraint(
            model_name='bankentry',
            constraint=models.CheckConstraint(condition=models.Q(('state', 'open'), ('handled_at__isnull', False), _connector='OR'), name='bankentry_handled_has_instant'),
        ),
        migrations.AddConstraint(
            model_name='bankentry',
            constraint=models.CheckConstraint(condition=models.Q(models.Q(('state', 'recorded'), _negated=True), models.Q(('order__isnull', False), ('payment__isnull', False)), _connector='OR'), name='bankentry_recorded_has_payment'),
        ),
        same_organiser("bankentry_file_same_organiser", "file_id", "sales_bankfile"),
    ]
