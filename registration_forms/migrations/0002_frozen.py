"""What was published is evidence: the database refuses to change it."""

from django.db import migrations

FROZEN = """
CREATE FUNCTION form_version_is_frozen() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NEW.definition IS DISTINCT FROM OLD.definition OR NEW.number <> OLD.number OR NEW.form_id <> OLD.form_id THEN
        RAISE EXCEPTION 'a published version is never changed' USING ERRCODE = 'integrity_constraint_violation';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER form_version_is_frozen BEFORE UPDATE ON registration_forms_formversion
    FOR EACH ROW EXECUTE FUNCTION form_version_is_frozen();
"""
THAWED = """
DROP TRIGGER form_version_is_frozen ON registration_forms_formversion;
DROP FUNCTION form_version_is_frozen();
"""


class Migration(migrations.Migration):
    dependencies = [("registration_forms", "0001_initial")]
    operations = [migrations.RunSQL(FROZEN, THAWED)]
