"""The database folds, sorts and indexes names itself, so that no code path can leave a search column stale."""

from django.db import migrations

FOLD = r"""
CREATE FUNCTION contact_fold(value text) RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE RETURNS NULL ON NULL INPUT AS $$
    -- Apostrophes first: taken apart, an acute accent of its own would become a space.
    SELECT replace(replace(replace(replace(replace(
        translate(
            regexp_replace(
                lower(normalize(regexp_replace(value, '[''’‘ʼ`´]', '', 'g'), NFKD)),
                '[\u0300-\u036f]', '', 'g'),
            'øđðłħŧıŋĸς', 'oddlhtinkσ'),
        'ß', 'ss'), 'ẞ', 'ss'), 'æ', 'ae'), 'œ', 'oe'), 'þ', 'th')
$$;
"""

SORT_KEY = r"""
CREATE FUNCTION contact_sort_key(last_name text, space text, first_name text) RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE SET search_path FROM CURRENT AS $$
    SELECT btrim(regexp_replace(contact_fold(coalesce(last_name, '') || space || coalesce(first_name, '')), '[^[:alnum:]]+', ' ', 'g'))
$$;
"""

WORDS = r"""
CREATE FUNCTION contact_words(first_name text, last_name text, email text, number text, phone text) RETURNS tsvector
LANGUAGE sql IMMUTABLE PARALLEL SAFE SET search_path FROM CURRENT AS $$
    -- The words of names, address and number; the number without its hyphen; every tail of the phone's
    -- digits, so that a prefix match on the tails finds any run of digits.
    SELECT array_to_tsvector(ARRAY(
        SELECT DISTINCT left(word, 100) FROM (
            SELECT regexp_split_to_table(
                contact_fold(concat_ws(' ', first_name, last_name, email, number, replace(number, '-', ''))), '[^[:alnum:]]+') AS word
            UNION ALL
            SELECT right(digits, n)
            FROM (SELECT regexp_replace(coalesce(phone, ''), '[^0-9]', '', 'g') AS digits) AS d,
                 generate_series(2, least(length(digits), 20)) AS n
        ) AS words
        WHERE word <> ''
    ))
$$;
"""

QUERY = r"""
CREATE FUNCTION contact_query(typed text) RETURNS tsquery
LANGUAGE sql IMMUTABLE PARALLEL SAFE SET search_path FROM CURRENT AS $$
    SELECT CASE
        -- A phone number as people write it: 079 123 45 67, +41 (0)79 123, 0041 79.
        WHEN typed ~ '^[0-9 +()./-]+$' AND length(regexp_replace(typed, '[^0-9]', '', 'g')) >= 3 THEN
            (SELECT '''' || coalesce(nullif(ltrim(digits, '0'), ''), digits) || ''':*'
             FROM (SELECT regexp_replace(replace(typed, '(0)', ''), '[^0-9]', '', 'g') AS digits) AS d)::tsquery
        ELSE
            -- Digits among words may be a phone number with the zero that people dial at home.
            (SELECT string_agg('(''' || word || ''':*|''' || coalesce(nullif(ltrim(word, '0'), ''), word) || ''':*)', ' & ')
             FROM (
                SELECT left(part, 100) AS word
                FROM regexp_split_to_table(contact_fold(typed), '[^[:alnum:]]+') AS part
                WHERE part <> ''
             ) AS words)::tsquery
    END
$$;
"""


class Migration(migrations.Migration):
    initial = True
    dependencies = []
    operations = [
        migrations.RunSQL(FOLD, "DROP FUNCTION contact_fold(text)"),
        migrations.RunSQL(SORT_KEY, "DROP FUNCTION contact_sort_key(text, text, text)"),
        migrations.RunSQL(WORDS, "DROP FUNCTION contact_words(text, text, text, text, text)"),
        migrations.RunSQL(QUERY, "DROP FUNCTION contact_query(text)"),
    ]
