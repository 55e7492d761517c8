"""The roles of staff with their permissions. A role is a Django group; a membership gives it to a user in one organiser."""

from django.contrib.auth.models import Group, Permission

from contacts.linking import link_types

VIEW, CHANGE, ADD = "view", "change", "add"
ALL = (VIEW, CHANGE, ADD)


def _models(app: str, names: str, verbs: tuple) -> set[str]:
    return {f"{app}.{verb}_{name}" for name in names.split() for verb in verbs}


CATALOGUE = "event session tariff seasonpass allotment venue category offer orderform"
FORMS = "registrationform field choice"
SALES = "order orderline ticket issuedpass payment refund dispute invoice"

# Opens the pages at /door/, which need nothing else; the back office stays closed to those who have only this.
DOOR = {"sales.check_in"}
BOX_OFFICE = (
    DOOR
    | _models("catalogue", CATALOGUE, (VIEW,))
    | _models("registration_forms", FORMS, (VIEW,))
    | _models("sales", f"{SALES} customer", (VIEW,))
    | _models("sales", "datemessage", (VIEW,))
    # "Add" is selling at the counter.
    | _models("sales", "order", (ADD, CHANGE))
    | _models("contacts", "contact contactlink", (VIEW,))
    | _models("jobs", "failure", (VIEW,))
)
BANK_FILES = _models("sales", "bankfile", (VIEW, ADD)) | _models("sales", "bankentry", (VIEW, CHANGE))
BACK_OFFICE = (
    BOX_OFFICE
    | BANK_FILES
    | _models("catalogue", CATALOGUE, ALL)
    | {"catalogue.delete_offer", "catalogue.delete_session", "catalogue.delete_tariff"}
    | _models("registration_forms", FORMS, ALL)
    | {"catalogue.delete_orderform", "registration_forms.delete_choice"}
    | _models("contacts", "contact contactlink", ALL)
    | _models("organisers", "pointofsale", (VIEW,))
    | _models("mail", "mail", (VIEW, CHANGE))
    | _models("jobs", "failure", (CHANGE,))
    | _models("sales", "refund", (CHANGE,))
    | _models("sales", "invoice", (ADD,))
    | _models("sales", "datemessage", (ADD,))
    | _models("exports", "job", ALL)
    | {
        "history.view_event",
        "contacts.merge_contact",
        "registration_forms.view_sensitive",
        "registration_forms.waive_answers",
        "sales.view_figures",
        "privacy.view_retentionrecord",
    }
)
ACCOUNTING = (
    BANK_FILES
    | {
        "privacy.view_erasure",
        "privacy.view_retentionrecord",
        "sales.open_archivedpaper",
        "sales.view_figures",
    }
    | _models("sales", "invoice", (ADD,))
    | _models("sales", f"{SALES} customer", (VIEW,))
    | _models("sales", "order refund", (CHANGE,))
    | _models("sales", "paymentdifference", (VIEW, CHANGE))
    # The takings of all staff; who may sell sees their own.
    | _models("sales", "cashcount", (VIEW,))
    | _models("jobs", "failure", (VIEW,))
    | _models("contacts", "contact contactlink", (VIEW,))
    | _models("exports", "job", ALL)
)
OWNER = (
    BACK_OFFICE
    | ACCOUNTING
    | _models("organisers", "pointofsale", (CHANGE,))
    | _models("organisers", "organiser", (VIEW, CHANGE))
    | _models("organisers", "staffmembership", (VIEW,))
    | _models("organisers", "staffinvitation", (VIEW, ADD))
    | {"organisers.manage_staff"}
    | _models("sales", "paymentmethod", ALL)
    | {"privacy.manage_request", "contacts.erase_contact", "exports.export_sensitive"}
)

ROLES = {
    "owner": OWNER,
    "back office": BACK_OFFICE,
    "box office": BOX_OFFICE,
    "accounting": ACCOUNTING,
    "door": DOOR,
}


def sync() -> None:
    """Set the permissions of each group to those listed here."""
    permissions = {
        f"{app}.{codename}": pk
        for pk, app, codename in Permission.objects.values_list("pk", "content_type__app_label", "codename")
    }
    for name, names in ROLES.items():
        group, _ = Group.objects.get_or_create(name=name)
        group.permissions.set([permissions[p] for p in names])


def after_migrate(**kwargs) -> None:
    """Create roles and types of links. Every installation has them after `migrate`."""
    sync()
    link_types.sync()
