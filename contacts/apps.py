from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class ContactsConfig(AppConfig):
    name = "contacts"
    verbose_name = _("Contacts")

    def ready(self):
        # Importing the module registers the mails of this package by their kind.
        from .linking import emails  # noqa: F401, PLC0415
