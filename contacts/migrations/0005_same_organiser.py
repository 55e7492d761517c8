"""Links and their contacts share the organiser: the database sees to it."""

from django.db import migrations


def same_organiser(name: str, column: str) -> migrations.RunSQL:
    """A composite key: the contact at the other end belongs to the same organiser, whatever code wrote the link."""
    return migrations.RunSQL(
        f"ALTER TABLE contacts_contactlink ADD CONSTRAINT {name} FOREIGN KEY (organiser_id, {column})"
        " REFERENCES contacts_contact (organiser_id, id) DEFERRABLE INITIALLY DEFERRED",
        f"ALTER TABLE contacts_contactlink DROP CONSTRAINT {name}",
    )


class Migration(migrations.Migration):
    dependencies = [("contacts", "0004_friends_family")]
    operations = [
        same_organiser("link_parent_same_organiser", "parent_id"),
        same_organiser("link_child_same_organiser", "child_id"),
    ]
