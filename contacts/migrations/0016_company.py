"""The company of a contact, found by its words as names are."""

import django.contrib.postgres.indexes
import django.contrib.postgres.search
from django.db import migrations, models

# With the company among the words; the rest is the function of 0011.
WORDS = r"""
CREATE FUNCTION contact_words(first_name text, last_name text, email text, number text, phone text, company text) RETURNS tsvector
LANGUAGE sql IMMUTABLE PARALLEL SAFE SET search_path FROM CURRENT AS $$
    SELECT contact_words(concat_ws(' ', first_name, company), last_name, email, number, phone)
$$;
"""


class Migration(migrations.Migration):
    dependencies = [("contacts", "0015_folding")]
    operations = [
        migrations.AddField(
            "contact",
            "company",
            models.CharField(blank=True, default="", max_length=200, verbose_name="company"),
            preserve_default=False,
        ),
        migrations.RunSQL(WORDS, "DROP FUNCTION contact_words(text, text, text, text, text, text)"),
        # A generated column can't change what it is made of: it is made anew.
        migrations.RemoveIndex("contact", "contact_search"),
        migrations.RemoveField("contact", "search"),
        migrations.AddField(
            "contact",
            "search",
            models.GeneratedField(
                db_persist=True,
                expression=models.Func(
                    models.F("first_name"),
                    models.F("last_name"),
                    models.F("email"),
                    models.F("number"),
                    models.F("phone"),
                    models.F("company"),
                    function="contact_words",
                    output_field=django.contrib.postgres.search.SearchVectorField(),
                ),
                output_field=django.contrib.postgres.search.SearchVectorField(),
            ),
        ),
        migrations.AddIndex(
            "contact",
            django.contrib.postgres.indexes.GinIndex(fastupdate=False, fields=["search"], name="contact_search"),
        ),
    ]
