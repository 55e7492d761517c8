from django.apps import AppConfig


class OfficeConfig(AppConfig):
    """No models: the app is installed for its pages."""

    name = "ticketshop.office"
    label = "office"
