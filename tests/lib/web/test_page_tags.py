"""The filters of the shop's pages."""

import re
from datetime import timedelta

from django.utils import timezone

from ticketshop.lib.web import page_tags


def test_a_quantity_is_none_or_at_least_what_the_tariff_asks():
    assert page_tags.quantities(3) == [0, 1, 2, 3]
    assert page_tags.quantities(4, 2) == [0, 2, 3, 4]
    assert page_tags.quantities(1, 2) == [0]


def test_ended_hold_has_no_seconds_left():
    now = timezone.now()
    assert 58 <= page_tags.seconds_until(now + timedelta(minutes=1)) <= 60
    assert page_tags.seconds_until(now - timedelta(minutes=1)) == 0
    assert page_tags.seconds_until(None) == 0


def test_a_qr_picture_holds_numbers_only_and_nothing_the_policy_forbids():
    picture = page_tags.qr('<script>"alert"</script>')
    assert picture.startswith('<svg aria-hidden="true"')
    assert "style" not in picture
    assert "script" not in picture
    assert re.search(r' d="[-\dMhvm. ]+"', picture)
