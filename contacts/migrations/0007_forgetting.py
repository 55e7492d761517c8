from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('contacts', '0006_merge_permission'),
    ]

    operations = [
        migrations.AddField(
            model_name='contact',
            name='erased_at',
            field=models.DateTimeField(blank=True, editable=False, null=True, verbose_name='erased'),
        ),
        migrations.AddField(
            model_name='contact',
            name='erasing_at',
            field=models.DateTimeField(blank=True, editable=False, null=True, verbose_name='being erased since'),
        ),
    ]
