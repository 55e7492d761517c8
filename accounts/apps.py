from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class AccountsConfig(AppConfig):
    name = "accounts"
    verbose_name = _("Log-ins")

    def ready(self):
        from allauth.mfa import signals  # noqa: PLC0415

        from .second_factor import loading  # noqa: PLC0415

        loading.load_when_used()
        from .log_in import emails  # noqa: F401, PLC0415
        from .second_factor import factors  # noqa: PLC0415
        from .staff import emails as staff_emails  # noqa: F401, PLC0415

        signals.authenticator_added.connect(factors.added)
        signals.authenticator_removed.connect(factors.removed)

        from allauth.account import signals as passwords  # noqa: PLC0415
        from django.contrib.auth.signals import user_logged_in  # noqa: PLC0415

        from .log_in import devices  # noqa: PLC0415

        user_logged_in.connect(devices.on_log_in)
        for signal in (passwords.password_changed, passwords.password_reset, passwords.password_set):
            signal.connect(devices.on_new_password)
