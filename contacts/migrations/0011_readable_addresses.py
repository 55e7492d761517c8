"""E-mail addresses are stored with their domain in ASCII (IDNA 2008), and found by the letters people read in it too."""

from django.db import migrations

# RFC 3492, section 6.2. What is no Punycode comes back as it is: no error, so that no row is refused.
PUNYCODE = r"""
CREATE FUNCTION contact_punycode(encoded text) RETURNS text
LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL SAFE AS $$
DECLARE
    cut int := length(encoded) - strpos(reverse(encoded), '-');
    decoded text := CASE WHEN strpos(encoded, '-') > 0 THEN left(encoded, cut) ELSE '' END;
    rest text := CASE WHEN strpos(encoded, '-') > 0 THEN substr(encoded, cut + 2) ELSE encoded END;
    place bigint := 0; code bigint := 128; bias bigint := 72; before bigint; weight bigint; digit bigint; threshold bigint;
    delta bigint; k bigint; size bigint; at int := 1;
BEGIN
    WHILE at <= length(rest) LOOP
        before := place; weight := 1; k := 36;
        LOOP
            IF at > length(rest) THEN RETURN encoded; END IF;
            digit := strpos('abcdefghijklmnopqrstuvwxyz0123456789', substr(rest, at, 1)) - 1;
            at := at + 1;
            IF digit < 0 THEN RETURN encoded; END IF;
            place := place + digit * weight;
            IF place > 2147483647 THEN RETURN encoded; END IF;
            threshold := least(26, greatest(1, k - bias));
            EXIT WHEN digit < threshold;
            weight := weight * (36 - threshold);
            IF weight > 2147483647 THEN RETURN encoded; END IF;
            k := k + 36;
        END LOOP;
        size := length(decoded) + 1;
        delta := CASE WHEN before = 0 THEN (place - before) / 700 ELSE (place - before) / 2 END;
        delta := delta + delta / size;
        k := 0;
        WHILE delta > 455 LOOP delta := delta / 35; k := k + 36; END LOOP;
        bias := k + 36 * delta / (delta + 38);
        code := code + place / size;
        place := place % size;
        IF code > 1114111 OR code BETWEEN 55296 AND 57343 THEN RETURN encoded; END IF;
        decoded := left(decoded, place::int) || chr(code::int) || substr(decoded, place::int + 1);
        place := place + 1;
    END LOOP;
    RETURN decoded;
END
$$;
"""

READABLE = r"""
CREATE FUNCTION contact_readable_domain(email text) RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE SET search_path FROM CURRENT AS $$
    -- The labels of the domain that are written in Punycode, with their own letters; null where there is none.
    SELECT string_agg(contact_punycode(substr(label, 5)), ' ')
    FROM regexp_split_to_table(split_part(email, '@', 2), '\.') AS label
    WHERE label LIKE 'xn--%'
$$;
"""

# As in 0001, with the readable labels of the domain.
WORDS = r"""
CREATE OR REPLACE FUNCTION contact_words(first_name text, last_name text, email text, number text, phone text) RETURNS tsvector
LANGUAGE sql IMMUTABLE PARALLEL SAFE SET search_path FROM CURRENT AS $$
    SELECT array_to_tsvector(ARRAY(
        SELECT DISTINCT left(word, 100) FROM (
            SELECT regexp_split_to_table(
                contact_fold(concat_ws(' ', first_name, last_name, email, contact_readable_domain(email), number, replace(number, '-', ''))),
                '[^[:alnum:]]+') AS word
            UNION ALL
            SELECT right(digits, n)
            FROM (SELECT regexp_replace(coalesce(phone, ''), '[^0-9]', '', 'g') AS digits) AS d,
                 generate_series(2, least(length(digits), 20)) AS n
        ) AS words
        WHERE word <> ''
    ))
$$;
"""


class Migration(migrations.Migration):
    dependencies = [("contacts", "0010_email_kept")]
    operations = [
        migrations.RunSQL(PUNYCODE, "DROP FUNCTION contact_punycode(text)"),
        migrations.RunSQL(READABLE, "DROP FUNCTION contact_readable_domain(text)"),
        # Generated columns keep what the function made; the next migration writes the rows that it concerns.
        migrations.RunSQL(WORDS, migrations.RunSQL.noop),
    ]
