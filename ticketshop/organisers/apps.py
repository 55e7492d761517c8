from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class OrganisersConfig(AppConfig):
    name = "ticketshop.organisers"
    verbose_name = _("Points of sale")
