from django.apps import AppConfig, apps
from django.contrib.admin.apps import AdminConfig
from django.db.models.signals import post_migrate


class BackOfficeConfig(AdminConfig):
    """Django's admin, with our site as the default one."""

    default_site = "ticketshop.backoffice.BackOffice"


class TicketshopConfig(AppConfig):
    """The project itself: static files, texts, commands. Last in the list, so that it sees all other rooms."""

    name = "ticketshop"

    def ready(self):
        # The models must be loaded first.
        from . import checks, roles  # noqa: F401, PLC0415
        from .lib import french_dates, translated  # noqa: PLC0415

        translated.mark_stand_ins()
        french_dates.write_ordinals()

        # Django makes the permissions after migrating, app by app, and says so only for apps with models:
        # the roles follow the last of them that a role speaks of.
        post_migrate.connect(roles.after_migrate, sender=apps.get_app_config("privacy"))
