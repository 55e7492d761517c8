"""The back office stays open for an hour without a request and twelve hours in all; the shop has its own times."""

import time

import pytest

from ticketshop.office import staff_sessions


@pytest.fixture
def staff(client, admin_user):
    client.force_login(admin_user)
    signed_in(client, seconds_ago=60)
    return client


def signed_in(client, *, seconds_ago: float) -> None:
    session = client.session
    session["account_authentication_methods"] = [{"method": "password", "at": time.time() - seconds_ago}]
    session.save()


def seen(client, *, seconds_ago: float) -> None:
    session = client.session
    session[staff_sessions.SEEN] = time.time() - seconds_ago
    session.save()


def test_new_log_in_opens_the_back_office(staff):
    assert staff.get("/admin/").status_code == 200


@pytest.mark.parametrize(
    ("idle", "whole", "opens"),
    [(3500, 4000, True), (3700, 4000, False), (60, 43100, True), (60, 43300, False)],
)
def test_back_office_closes_after_an_idle_hour_and_after_twelve_hours(staff, idle, whole, opens):
    signed_in(staff, seconds_ago=whole)
    seen(staff, seconds_ago=idle)
    answer = staff.get("/admin/")
    assert (answer.status_code == 200) is opens
    if not opens:
        assert answer.url == "/accounts/login/?next=/admin/"
        assert "_auth_user_id" not in staff.session


def test_request_keeps_the_back_office_open(staff):
    seen(staff, seconds_ago=3000)
    staff.get("/admin/")
    assert time.time() - staff.session[staff_sessions.SEEN] < 60


def test_visitor_pages_stay_open(staff):
    signed_in(staff, seconds_ago=5 * 24 * 3600)
    assert staff.get("/").status_code == 200
    assert "_auth_user_id" in staff.session
