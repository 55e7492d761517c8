from django.db import migrations, models

# A response without a person is one whose person was erased: what was typed into it afterwards is about nobody who
# could ask for it, so it goes too. Earlier responses were given to the buyer by sales.0005_whose_answers.
OF_NOBODY = "SELECT id FROM registration_forms_response WHERE about_id IS NULL"
ERASE = f"""
    DELETE FROM registration_forms_answer_choices WHERE answer_id IN (
        SELECT id FROM registration_forms_answer WHERE response_id IN ({OF_NOBODY}));
    UPDATE registration_forms_answer
       SET state = CASE WHEN state IN (1, 2) THEN 9 ELSE state END, v_text = NULL, v_number = NULL, v_date = NULL,
           v_datetime = NULL, v_time = NULL, v_bool = NULL, v_choice_id = NULL
     WHERE response_id IN ({OF_NOBODY});
    UPDATE registration_forms_answerhistory SET old = NULL, new = NULL WHERE response_id IN ({OF_NOBODY});
    UPDATE registration_forms_response SET erased_on = changed_at::date, language = '' WHERE about_id IS NULL
"""


class Migration(migrations.Migration):
    dependencies = [
        ("registration_forms", "0004_recount_places"),
        ("sales", "0005_whose_answers"),
    ]
    operations = [
        migrations.AddField(
            model_name="response",
            name="erased_on",
            field=models.DateField(blank=True, editable=False, null=True, verbose_name="answers erased"),
        ),
        migrations.RunSQL(ERASE, migrations.RunSQL.noop),
    ]
