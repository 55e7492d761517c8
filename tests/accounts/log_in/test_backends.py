"""The user of a log-in session is read at each request."""

import pytest
from django.contrib.auth import BACKEND_SESSION_KEY
from django.contrib.auth.models import Permission
from django.test import Client

from accounts.models import User
from tests.factories.accounts import BACKEND, UserFactory
from tests.factories.organisers import PointOfSaleFactory, StaffMembershipFactory

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize("end", ["deactivated", "deleted", "another password"])
def test_log_in_session_ends_at_once_with_its_user(end):
    pos, user, client = PointOfSaleFactory(), UserFactory(), Client()
    client.force_login(user, backend=BACKEND)
    url = f"/{pos.slug}/"
    assert user.email in client.get(url).content.decode()
    if end == "deactivated":
        User.objects.update(is_active=False)
    elif end == "deleted":
        User.objects.filter(pk=user.pk).delete()
    else:
        user.set_password("another password, made up")
        user.save()
    page = client.get(url)
    assert page.status_code == 200
    assert user.email not in page.content.decode()


@pytest.mark.parametrize(
    ("backend", "stays"),
    [("allauth.account.auth_backends.AuthenticationBackend", True), ("another.backend.of.nobody", False)],
)
def test_sessions_of_the_former_backend_stay_valid(backend, stays):
    pos, user, client = PointOfSaleFactory(), UserFactory(), Client()
    client.force_login(user, backend=BACKEND)
    session = client.session
    session[BACKEND_SESSION_KEY] = backend
    session.save()
    assert (user.email in client.get(f"/{pos.slug}/").content.decode()) is stays


def test_permissions_come_from_memberships_only():
    user, pos = UserFactory(), PointOfSaleFactory()
    permission = Permission.objects.get(content_type__app_label="sales", codename="view_order")
    user.user_permissions.add(permission)
    assert not User.objects.get(pk=user.pk).has_perm("sales.view_order")
    StaffMembershipFactory(user=user, organiser=pos.organiser, role="owner")
    assert User.objects.get(pk=user.pk).has_perm("sales.view_order")
