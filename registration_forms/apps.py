from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class RegistrationFormsConfig(AppConfig):
    name = "registration_forms"
    verbose_name = _("Forms")
