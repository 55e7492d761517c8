from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class AccountsConfig(AppConfig):
    name = "accounts"
    verbose_name = _("Log-ins")

    def ready(self):
        from .log_in import emails  # noqa: F401, PLC0415
        from .staff import emails as staff_emails  # noqa: F401, PLC0415
