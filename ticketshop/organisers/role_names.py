"""Names of the roles of staff as people read them, and which roles may do something."""

from django.contrib.auth.models import Group
from django.utils.text import get_text_list
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

# Name of a role (a Django group) -> the text that people read.
ROLES = {
    "owner": gettext_lazy("owner"),
    "back office": gettext_lazy("back office"),
    "box office": gettext_lazy("box office"),
    "accounting": gettext_lazy("accounting"),
    "door": gettext_lazy("entry control"),
}


def text_of(name: str) -> str:
    """Return the text of a role, or its name if there is no such role any more."""
    return str(ROLES.get(name, name))


def who_may(permission: str) -> str:
    """Return the roles that have a permission, such as “owner, back office or accounting”. One query."""
    app, codename = permission.split(".")
    rows = Group.objects.filter(permissions__content_type__app_label=app, permissions__codename=codename)
    names = set(rows.values_list("name", flat=True))
    return get_text_list([str(text) for name, text in ROLES.items() if name in names], _("or"))


def ask_them(permission: str) -> str:
    """Return the sentence for staff who lack a permission: who can do it."""
    return _("Your role can’t do this. Who can: %(roles)s.") % {"roles": who_may(permission)}
