import django.db.models.deletion
import uuid
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):

    initial = True

    dependencies = [
        ('contacts', '0007_forgetting'),
        ('organisers', '0003_friends_family'),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name='Erasure',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('uuid', models.UUIDField(default=uuid.uuid4, editable=False, unique=True, verbose_name='request')),
                ('subject_uuid', models.UUIDField(db_index=True)),
                ('channel', models.CharField(choices=[('back_office', 'back office'), ('account', 'visitor’s account'), ('mailbox', 'link in a mail'), ('retention', 'its time was over')], max_length=12, verbose_name='asked in')),
                ('reason', models.CharField(choices=[('request', 'at the person’s request'), ('objection', 'the person objects to the use of the data'), ('unlawful', 'the data should not have been collected'), ('not_needed', 'the data are no longer needed')], default='request', max_length=12, verbose_name='reason')),
                ('state', models.CharField(choices=[('requested', 'waiting for proof of the mailbox'), ('confirmed', 'to be done'), ('claimed', 'begun'), ('emptied', 'database done'), ('filed', 'files done'), ('deferred', 'partly done, the rest waits'), ('closed', 'done'), ('withdrawn', 'withdrawn')], default='confirmed', max_length=10, verbose_name='state')),
                ('bearer', models.BooleanField(default=False, verbose_name='unused tickets admit whoever shows them')),
                ('token_hash', models.CharField(max_length=64, null=True, unique=True)),
                ('token_expires_at', models.DateTimeField(null=True)),
                ('receipt', models.CharField(max_length=12, unique=True, verbose_name='receipt')),
                ('registry_version', models.CharField(blank=True, max_length=16)),
                ('requested_at', models.DateTimeField(verbose_name='asked')),
                ('confirmed_at', models.DateTimeField(null=True, verbose_name='confirmed')),
                ('claimed_at', models.DateTimeField(null=True, verbose_name='begun')),
                ('emptied_at', models.DateTimeField(null=True)),
                ('filed_at', models.DateTimeField(null=True)),
                ('verified_at', models.DateTimeField(null=True, verbose_name='checked')),
                ('closed_at', models.DateTimeField(null=True, verbose_name='done')),
                ('deferred_until', models.DateTimeField(null=True, verbose_name='the rest goes on')),
                ('kept', models.JSONField(default=list)),
                ('deferred', models.JSONField(default=list)),
                ('failure', models.CharField(blank=True, max_length=80, verbose_name='failed at')),
                ('by', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='+', to=settings.AUTH_USER_MODEL, verbose_name='done by')),
                ('contact', models.ForeignKey(null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='contacts.contact', verbose_name='contact')),
                ('organiser', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to='organisers.organiser', verbose_name='organiser')),
            ],
            options={
                'verbose_name': 'erasure',
                'verbose_name_plural': 'erasures',
                'permissions': [('manage_request', 'Can answer requests to be forgotten')],
            },
        ),
        migrations.CreateModel(
            name='ErasureStep',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('model', models.CharField(max_length=80, verbose_name='kind of data')),
                ('deleted', models.BooleanField(verbose_name='deleted')),
                ('rows', models.PositiveIntegerField(verbose_name='records')),
                ('erasure', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='steps', to='privacy.erasure')),
            ],
            options={
                'verbose_name': 'step of an erasure',
                'verbose_name_plural': 'steps of erasures',
            },
        ),
        migrations.CreateModel(
            name='PendingDeletion',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('storage', models.CharField(max_length=40)),
                ('name', models.CharField(blank=True, max_length=255)),
                ('done_at', models.DateTimeField(null=True)),
                ('erasure', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='files', to='privacy.erasure')),
            ],
            options={
                'verbose_name': 'file to delete',
                'verbose_name_plural': 'files to delete',
            },
        ),
        migrations.AddIndex(
            model_name='erasure',
            index=models.Index(fields=['state', 'deferred_until'], name='erasure_state'),
        ),
        migrations.AddConstraint(
            model_name='erasurestep',
            constraint=models.UniqueConstraint(fields=('erasure', 'model', 'deleted'), name='erasure_step_once'),
        ),
    ]
