"""Which kind of form may be asked where, and that it is the same organiser's: the database sees to it."""

from django.db import migrations

CHECK = """
CREATE FUNCTION form_fits(form bigint, kind text, organiser bigint) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    IF form IS NOT NULL AND NOT EXISTS (
        SELECT FROM registration_forms_registrationform AS f
        WHERE f.id = form AND f.kind = form_fits.kind AND f.organiser_id = organiser
    ) THEN
        RAISE EXCEPTION 'form_fits: a form of another kind or of another organiser' USING ERRCODE = 'check_violation';
    END IF;
END $$;

CREATE FUNCTION tariff_form_fits() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM form_fits(NEW.form_id, 'tariff', (SELECT organiser_id FROM catalogue_event WHERE id = NEW.event_id));
    RETURN NEW;
END $$;
CREATE TRIGGER tariff_form_fits BEFORE INSERT OR UPDATE OF form_id, event_id ON catalogue_tariff
    FOR EACH ROW EXECUTE FUNCTION tariff_form_fits();

CREATE FUNCTION pass_form_fits() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM form_fits(NEW.form_id, 'pass', NEW.organiser_id);
    PERFORM form_fits(NEW.extra_form_id, 'tariff', NEW.organiser_id);
    RETURN NEW;
END $$;
CREATE TRIGGER pass_form_fits BEFORE INSERT OR UPDATE OF form_id, extra_form_id, organiser_id ON catalogue_seasonpass
    FOR EACH ROW EXECUTE FUNCTION pass_form_fits();

CREATE FUNCTION order_form_fits() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM form_fits(NEW.form_id, 'order', coalesce(
        (SELECT organiser_id FROM organisers_pointofsale WHERE id = NEW.point_of_sale_id),
        (SELECT organiser_id FROM catalogue_event WHERE id = NEW.event_id)));
    RETURN NEW;
END $$;
CREATE TRIGGER order_form_fits BEFORE INSERT OR UPDATE ON catalogue_orderform
    FOR EACH ROW EXECUTE FUNCTION order_form_fits();

-- A form that is asked somewhere keeps its kind and its organiser.
CREATE FUNCTION form_keeps_kind() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NEW.kind <> OLD.kind OR NEW.organiser_id <> OLD.organiser_id THEN
        RAISE EXCEPTION 'form_fits: the kind of a form is chosen once' USING ERRCODE = 'check_violation';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER form_keeps_kind BEFORE UPDATE ON registration_forms_registrationform
    FOR EACH ROW EXECUTE FUNCTION form_keeps_kind();
"""
UNCHECK = """
DROP TRIGGER form_keeps_kind ON registration_forms_registrationform;
DROP TRIGGER order_form_fits ON catalogue_orderform;
DROP TRIGGER pass_form_fits ON catalogue_seasonpass;
DROP TRIGGER tariff_form_fits ON catalogue_tariff;
DROP FUNCTION form_keeps_kind(), order_form_fits(), pass_form_fits(), tariff_form_fits(), form_fits(bigint, text, bigint);
"""


class Migration(migrations.Migration):
    dependencies = [("catalogue", "0005_forms"), ("registration_forms", "0002_frozen")]
    operations = [migrations.RunSQL(CHECK, UNCHECK)]
