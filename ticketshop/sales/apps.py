from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class SalesConfig(AppConfig):
    name = "ticketshop.sales"
    verbose_name = _("Sales")

    def ready(self):
        # The mails of this room are found by their kind once this module is imported.
        from . import emails  # noqa: F401, PLC0415
