from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class PrivacyConfig(AppConfig):
    name = "privacy"
    verbose_name = _("Privacy")

    def ready(self):
        # Registers the system checks, and the mails of this room by their kind.
        from .requests import emails  # noqa: F401, PLC0415
