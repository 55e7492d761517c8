from django.apps import AppConfig, apps
from django.contrib.admin.apps import AdminConfig
from django.db.models.signals import post_migrate


class BackOfficeConfig(AdminConfig):
    """Django's admin with ``BackOffice`` as its default site."""

    default_site = "ticketshop.backoffice.BackOffice"


class TicketshopConfig(AppConfig):
    """The project itself: static files, translations, commands. Last in INSTALLED_APPS, so that all other apps are loaded."""

    name = "ticketshop"

    def ready(self):
        # The models must be loaded first.
        from . import checks, roles  # noqa: F401, PLC0415
        from .lib import translated  # noqa: PLC0415
        from .lib.dates import french_dates  # noqa: PLC0415

        translated.mark_stand_ins()
        french_dates.write_ordinals()

        # Django creates the permissions of each app after migrating it, and sends post_migrate only for apps with models.
        # Roles are updated after the last app whose permissions they contain.
        post_migrate.connect(roles.after_migrate, sender=apps.get_app_config("privacy"))
