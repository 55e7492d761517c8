import django.db.models.functions.text
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('mail', '0002_initial'),
        ('organisers', '0003_friends_family'),
    ]

    operations = [
        migrations.AddIndex(
            model_name='mail',
            index=models.Index(django.db.models.functions.text.Upper('recipient'), condition=models.Q(('subject_uuid', None)), name='mail_by_address'),
        ),
    ]
