from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class SalesConfig(AppConfig):
    name = "ticketshop.sales"
    verbose_name = _("Sales")

    def ready(self):
        # The mails and exports of this room are found by their kind once these modules are imported, and earlier buyers
        # are reached.
        from . import tasks  # noqa: F401, PLC0415
        from .exports import registered  # noqa: F401, PLC0415
