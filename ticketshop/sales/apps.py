from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class SalesConfig(AppConfig):
    name = "ticketshop.sales"
    verbose_name = _("Sales")

    def ready(self):
        # Importing these modules registers tasks, mails and exports, and the hooks after a form was
        # published or assigned.
        from . import tasks  # noqa: F401, PLC0415
        from .exports import registered  # noqa: F401, PLC0415
        from .mails import (  # noqa: F401, PLC0415
            cancellation_mails,
            date_change_mails,
            date_message_mails,
            gift_mails,
            invoice_mails,
            mail_checks,
            money_mails,
            order_mails,
            ticket_mails,
            withdrawal_mails,
        )
