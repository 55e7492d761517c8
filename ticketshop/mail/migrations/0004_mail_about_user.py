import django.db.models.fields.json
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('mail', '0003_forgetting'),
        ('organisers', '0003_friends_family'),
    ]

    operations = [
        migrations.AddIndex(
            model_name='mail',
            index=models.Index(django.db.models.fields.json.KeyTransform('user', 'about'), condition=models.Q(('about__has_key', 'user')), name='mail_about_user'),
        ),
    ]
