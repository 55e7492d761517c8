"""Apostrophes of more scripts and the vowel signs of Arabic and Hebrew are folded away, as ``text.fold`` does."""

from django.db import migrations

APOSTROPHES = r"['`´·\u02b9-\u02bf\u02c8\u02ca\u02cb\u05f3\u2018\u2019\u201b\u2027\u2032\u2035\ua78c\uff07]"
MARKS = (
    r"[\u0300-\u036f\u0591-\u05bd\u05bf\u05c1\u05c2\u05c4\u05c5\u05c7"
    r"\u0610-\u061a\u0640\u064b-\u065f\u0670\u06d6-\u06dc\u06df-\u06e4\u06e7\u06e8\u06ea-\u06ed]"
)

FOLD = f"""
CREATE OR REPLACE FUNCTION contact_fold(value text) RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE RETURNS NULL ON NULL INPUT AS $$
    -- Apostrophes before and after: one of them becomes a space when it is taken apart, another comes out of a letter.
    SELECT replace(replace(replace(replace(replace(
        translate(
            regexp_replace(
                regexp_replace(
                    lower(normalize(regexp_replace(value, $re${APOSTROPHES}$re$, '', 'g'), NFKD)),
                    $re${APOSTROPHES}$re$, '', 'g'),
                $re${MARKS}$re$, '', 'g'),
            'øđðłħŧıŋĸς', 'oddlhtinkσ'),
        'ß', 'ss'), 'ẞ', 'ss'), 'æ', 'ae'), 'œ', 'oe'), 'þ', 'th')
$$;
"""

# Generated columns are made anew when their row is written.
REWRITE = f"""
UPDATE contacts_contact SET first_name = first_name
WHERE normalize(first_name || last_name, NFKD) ~ $re${APOSTROPHES}|{MARKS}$re$
"""


class Migration(migrations.Migration):
    dependencies = [("contacts", "0014_invitations")]

    operations = [
        migrations.RunSQL(FOLD, migrations.RunSQL.noop),
        migrations.RunSQL(REWRITE, migrations.RunSQL.noop),
    ]
