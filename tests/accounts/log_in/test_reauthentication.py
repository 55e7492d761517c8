"""Changing the e-mail address of a log-in needs the password again, so that an open browser can't be misused."""

import pytest
from allauth.account.models import EmailAddress
from django.test import Client

from tests.factories.accounts import PASSWORD, UserFactory

pytestmark = pytest.mark.django_db


def change_address(client: Client, address: str):
    return client.post("/accounts/email/", {"action_add": "", "email": address})


def addresses(user) -> set[str]:
    return set(EmailAddress.objects.filter(user=user).values_list("email", flat=True))


def test_password_is_asked_before_the_address_changes_and_again_after_five_minutes():
    user, client = UserFactory(), Client()
    client.post("/accounts/login/", {"login": user.email, "password": PASSWORD})

    asked = change_address(client, "new@example.org")
    assert asked["Location"].startswith("/accounts/reauthenticate/")
    client.post(asked["Location"], {"password": "wrong"})
    assert addresses(user) == {user.email}

    client.post(asked["Location"], {"password": PASSWORD})
    assert addresses(user) == {user.email, "new@example.org"}, "what was asked for is done"
    assert change_address(client, "newer@example.org")["Location"] == "/accounts/email/"

    session = client.session
    for method in session["account_authentication_methods"]:
        method["at"] -= 301
    session.save()
    assert change_address(client, "newest@example.org")["Location"].startswith("/accounts/reauthenticate/")
