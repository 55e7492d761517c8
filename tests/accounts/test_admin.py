"""Log-ins in the back office: only for administrators; passwords are neither shown nor set."""

import pytest

from accounts.models import User
from tests.factories.accounts import SuperuserFactory, UserFactory
from tests.factories.organisers import OrganiserFactory, make_staff
from tests.staff import Staff, change, listing

pytestmark = pytest.mark.django_db


@pytest.fixture
def root():
    return Staff(SuperuserFactory(email="root@example.org"))


def test_log_in_is_added_by_its_address_alone(root):
    form = root.open(f"{listing(User)}add/").form("^_save$")
    assert not {name for name in form.names if "password" in name}
    root.save(email="New@Example.org")
    user = User.objects.get(email="new@example.org")
    assert not user.has_usable_password()
    assert not user.is_superuser


def test_address_that_is_taken_is_refused(root):
    UserFactory(email="taken@example.org")
    root.open(f"{listing(User)}add/")
    root.save(email="TAKEN@example.org")
    assert root.errors
    assert User.objects.filter(email="taken@example.org").count() == 1


def test_page_shows_no_password(root):
    user = UserFactory()
    source = root.open(change(user)).source
    assert user.password not in source
    assert "argon2" not in source
    assert user.email in source


def test_switching_a_log_in_off_ends_its_sessions(root):
    user = make_staff(OrganiserFactory())
    staff = Staff(user)
    assert staff.open("/admin/").status == 200
    form = root.open(change(user)).form("^_save$")
    del form.values["is_active"]
    root.submit(form, button=("_save", "Save"))
    user.refresh_from_db()
    assert not user.is_active
    assert staff.open("/admin/").url.startswith("/accounts/login/")


def test_administrators_can_not_lock_themselves_out(root):
    form = root.open(change(root.user)).form("^_save$")
    assert not {"is_active", "is_superuser"} & form.names
    form.names |= {"is_active", "is_superuser"}
    root.submit(form, {"is_active": "", "is_superuser": ""}, button=("_save", "Save"))
    root.user.refresh_from_db()
    assert root.user.is_active
    assert root.user.is_superuser


def test_search_finds_log_ins_by_the_beginning_of_the_address(root):
    UserFactory(email="grace@example.org")
    UserFactory(email="ada@example.org")
    source = root.open(f"{listing(User)}?q=Gra").source
    assert "grace@example.org" in source
    assert "ada@example.org" not in source


def test_owners_can_not_see_log_ins():
    assert Staff(make_staff(OrganiserFactory())).open(listing(User)).status == 403
