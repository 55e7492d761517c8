"""Periods in texts are equal to the setting or job that keeps them."""

import re
from datetime import date, timedelta
from pathlib import Path

import polib
import pytest
from django.conf import settings
from procrastinate.contrib.django import app

from accounts.models import UNPROVED_DAYS
from contacts.linking import link_mail, links
from privacy.erasure import due_dates
from privacy.requests import requests
from ticketshop.exports import expiry
from ticketshop.lib.personal import BOOKS
from ticketshop.limits import limits
from ticketshop.mail import outbox
from ticketshop.organisers.staff_invitation import DELETED_DAYS, VALID
from ticketshop.sales.cart import carts
from ticketshop.sales.models.money.bank import OPEN_DAYS
from ticketshop.sales.orders.dates import date_messages
from ticketshop.sales.orders.withdrawal import rules
from ticketshop.submissions import saved_forms

pytestmark = pytest.mark.scenario("S45")
CATALOGUE = Path(settings.BASE_DIR) / "ticketshop/locale/fr/LC_MESSAGES/django.po"
NUMBERS = {
    "a": 1, "an": 1, "half an": 0.5, "un": 1, "une": 1, "one": 1, "three": 3, "trois": 3, "five": 5, "cinq": 5,
    "seven": 7, "sept": 7, "ten": 10, "dix": 10,
}  # fmt: skip
UNITS = {
    "minute": timedelta(minutes=1), "hour": timedelta(hours=1), "heure": timedelta(hours=1), "day": timedelta(days=1),
    "jour": timedelta(days=1), "week": timedelta(weeks=1), "semaine": timedelta(weeks=1), "month": timedelta(days=30),
    "mois": timedelta(days=30), "year": timedelta(days=365), "ans": timedelta(days=365), "an": timedelta(days=365),
    "demi-heure": timedelta(minutes=30),
}  # fmt: skip
LENGTH = re.compile(
    rf"\b(\d+|{'|'.join(sorted(NUMBERS, key=len, reverse=True))})[ \u00a0]({'|'.join(sorted(UNITS, key=len, reverse=True))})s?\b",
    re.IGNORECASE,
)
A_MONTH, A_YEAR = UNITS["month"], UNITS["year"]
EVERY_FIVE_MINUTES = "*/5 * * * *"

# How a text begins -> the length of time it names, where it is kept.
KEPT = {
    "24 hours.": expiry.KEPT_FOR,
    "24 hours after you last changed it.": carts.LIFETIME,
    "A file is written in the background and kept for": expiry.KEPT_FOR,
    "The file is deleted after": expiry.KEPT_FOR,
    "Browsers stay signed in for": timedelta(seconds=settings.SESSION_COOKIE_AGE),
    "That an e-mail address wants no more e-mails": link_mail.SUPPRESSED_FOR,
    "Another e-mail address that you noted": timedelta(days=UNPROVED_DAYS),
    "The same of a payment that nobody deals with": timedelta(days=OPEN_DAYS),
    "What you typed is kept for": saved_forms.SAVED_FOR,
    "A form you sent after your log-in had ended": saved_forms.SAVED_FOR,
    "We then send you an e-mail. Nothing happens": requests.TO_CONFIRM,
    "We have sent an e-mail to <bdi>": requests.TO_OPEN,
    "Somebody, probably you, asked what": requests.TO_OPEN,
    "This works once, within": requests.TO_OPEN,
    "This page stays open for": requests.STAYS_OPEN,
    "You are about to open what": requests.STAYS_OPEN,
    "Nothing there after some minutes?": limits.LIMITS["data_mail"].window,
    "Orders and tickets stay as they are. You can take it back": links.UNDO,
    "%(name)s can no longer choose": links.UNDO,
    "%(organiser)s has been told, and answers within": due_dates.FIRST * A_MONTH,
    "A customer has asked to be forgotten": due_dates.FIRST * A_MONTH,
    "The figures stay in the books without your name": BOOKS.years * A_YEAR,
    "The law wants commercial books": BOOKS.years * A_YEAR,
    "Many orders were placed": limits.LIMITS["order_mailbox"].window,
    "An invitation to work for an organiser": VALID + timedelta(days=DELETED_DAYS),
    "For 14 days after the order, by a link": timedelta(days=rules.DAYS),
    "Choose it under “Cancel”: its price": timedelta(days=rules.DAYS_TO_PAY_BACK),
    "A step has failed": timedelta(minutes=5),
    "E-mails have been waiting for more than": outbox.LATE_AFTER,
    "The text and the list of those who got it are deleted": date_messages.KEPT_FOR,
    "A message is deleted": date_messages.KEPT_FOR,
}
# Advice, and names of settings: nothing is kept or ends by these.
NO_PROMISE = (
    "You have got several of these e-mails",
    "Try again in a minute.",
    "Nothing there after five minutes?",
    "It has been used already",
    "It is tried again within a minute.",
    "e-mails to one address in",
    "names that did not match",
    "people added a",
    "in the last 14 days",
    "failed, came back or marked as spam in the last 14 days",
    "Enter a year from",
    "At most one year at once.",
    "Too many invitations: up to 3 a day",
    "Choose at least one day of the week",
    "“%(text)s” is not a day",
)


def texts() -> list[polib.POEntry]:
    """Return the texts that contain a length of time as a number, not as the value of a setting."""
    entries = [entry for entry in polib.pofile(str(CATALOGUE)) if not entry.obsolete]
    return [entry for entry in entries if lengths(entry.msgid)]


def lengths(text: str) -> list[timedelta]:
    return [
        (NUMBERS[number.lower()] if number.lower() in NUMBERS else int(number)) * UNITS[unit.lower()]
        for number, unit in LENGTH.findall(text)
    ]


def test_periods_in_texts_are_those_of_settings_and_jobs():
    found = texts()
    assert len(found) > 30
    used = set()
    for entry in found:
        begins = [one for one in (*KEPT, *NO_PROMISE) if entry.msgid.startswith(one)]
        assert begins, f"name where this is kept: {entry.msgid}"
        used.update(begins)
        wanted = {KEPT[one] for one in begins if one in KEPT}
        if wanted:
            assert wanted >= set(lengths(entry.msgid)), entry.msgid
            assert wanted >= set(lengths(entry.msgstr)) != set(), entry.msgstr
    assert used == {*KEPT, *NO_PROMISE}, "of texts that are gone"


def test_other_places_that_keep_the_same_lengths():
    # One sentence for two kinds of rows.
    assert expiry.KEPT_FOR == requests.TO_OPEN
    crons = {task: periodic.cron for (task, _id), periodic in app.periodic_registry.periodic_tasks.items()}
    assert crons["privacy.go_on"] == EVERY_FIVE_MINUTES
    assert BOOKS.end(date(2026, 3, 1)) == date(2026 + BOOKS.years, 12, 31)
