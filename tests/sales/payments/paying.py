"""Begin to pay on the page of a provider."""

from django.test import Client

from ticketshop.sales.mails import order_mails
from ticketshop.sales.models import Order


def start_paying(order: Order) -> None:
    """Send what the button on the order's page sends, without opening the page: for tests of what comes later."""
    answer = Client().post(f"{order_mails.order_path(order)}pay/")
    assert answer.status_code == 303, answer.content.decode()
