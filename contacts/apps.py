from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class ContactsConfig(AppConfig):
    name = "contacts"
    verbose_name = _("Contacts")

    def ready(self):
        # The mails of this room are found by their kind once this module is imported.
        from . import emails  # noqa: F401, PLC0415
