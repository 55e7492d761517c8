from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class PrivacyConfig(AppConfig):
    name = "privacy"
    verbose_name = _("Privacy")

    def ready(self):
        # Imported for their decorators, which register the checks and the mails of this package.
        from .declarations import checks, outside_models  # noqa: F401, PLC0415
        from .requests import emails  # noqa: F401, PLC0415
