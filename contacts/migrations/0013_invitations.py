"""What a parent typed about a child without an address is kept on the link; a request may be an invitation."""

from django.db import migrations, models

# So far the date of birth stood on the child's contact alone.
TYPED = """
    UPDATE contacts_contactlink AS link SET entered_birth_date = child.birth_date
    FROM contacts_contact AS child
    WHERE child.id = link.child_id AND child.birth_date IS NOT NULL AND child.email IS NULL AND child.user_id IS NULL
        AND child.created_via = 'friends_family' AND link.origin = 'shop' AND link.entered_email = ''
"""


class Migration(migrations.Migration):
    dependencies = [("contacts", "0012_one_form_of_addresses")]

    operations = [
        migrations.AddField(
            model_name="contactlink",
            name="entered_birth_date",
            field=models.DateField(blank=True, null=True, verbose_name="date of birth as entered"),
        ),
        migrations.AddField(
            model_name="linkrequest",
            name="email",
            field=models.EmailField(blank=True, max_length=254),
        ),
        migrations.RunSQL(TYPED, migrations.RunSQL.noop),
    ]
