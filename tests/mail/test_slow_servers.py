"""Mail servers that are slow, silent or away: each mail is sent once, and failures are recorded."""

import threading
from datetime import timedelta

import pytest
from django.db import connection
from django.utils import timezone

from tests import at_once
from tests.factories.sales import make_order
from tests.smtp import Postbox
from tests.timeouts import timeouts
from tests.waiting import PATIENCE, wait_for
from ticketshop.mail import pause, tasks
from ticketshop.mail.models import Mail

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def postbox(settings):
    with Postbox() as box:
        settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
        settings.EMAIL_HOST, settings.EMAIL_PORT = "127.0.0.1", box.port
        settings.EMAIL_HOST_USER = settings.EMAIL_HOST_PASSWORD = ""
        yield box


@pytest.fixture(autouse=True)
def no_pause():
    """Clear the cache, because the transactions of these tests are committed."""
    pause.end()
    yield
    pause.end()


IDLE = """
    SELECT EXISTS (SELECT FROM pg_stat_activity WHERE datname = current_database()
    AND state = 'idle in transaction' AND state_change < clock_timestamp() - interval '600 ms')
"""


def answer_late(postbox, observer):
    """Let the mail server answer when the transaction has been idle for twice as long as it may be."""
    with observer:
        assert postbox.arrived.wait(PATIENCE)
        wait_for(lambda: observer.execute(IDLE).fetchone()[0], "a transaction that waits for the mail server")
    postbox.silent.clear()


def test_slow_mail_server_gets_the_mail_once(postbox):
    """As if the mail server were slower than the 30 seconds a transaction may lie idle."""
    make_order()
    mail = Mail.objects.get()
    postbox.silent.set()
    answering = threading.Thread(target=answer_late, args=[postbox, at_once.watcher()])
    with timeouts(idle_in_transaction_session_timeout=300):
        with connection.cursor() as cursor:
            cursor.execute("SHOW idle_in_transaction_session_timeout")
            assert cursor.fetchone() == ("300ms",)
        answering.start()
        tasks.send(mail.pk)
    answering.join()
    mail.refresh_from_db()
    assert (mail.state, mail.attempts, len(postbox.letters)) == ("sent", 1, 1)


def test_silent_mail_server_is_tried_again_later(postbox, settings):
    settings.EMAIL_TIMEOUT = 0.5
    make_order()
    mail = Mail.objects.get()
    postbox.silent.set()
    with pytest.raises(tasks.TryAgain, match=r"TimeoutError|Disconnected"):
        tasks.send(mail.pk)
    mail.refresh_from_db()
    assert (mail.state, mail.attempts) == ("queued", 1)
    assert mail.error


def test_mail_has_failed_after_the_last_attempt(postbox, settings):
    settings.EMAIL_PORT = 9  # no server listens there
    make_order()
    mail = Mail.objects.get()
    Mail.objects.update(attempts=tasks.MAX_ATTEMPTS - 1)
    tasks.send(mail.pk)
    mail.refresh_from_db()
    assert (mail.state, mail.attempts, mail.error) == ("failed", tasks.MAX_ATTEMPTS, "ConnectionRefusedError")
    settings.EMAIL_PORT = postbox.port
    tasks.send(mail.pk)
    assert postbox.letters == []


@pytest.mark.parametrize(
    ("answer", "state"), [("550 no such person", "failed"), ("450 come back later", "queued")]
)
def test_reply_about_the_recipient_decides_between_retry_and_failure(postbox, answer, state):
    make_order()
    mail = Mail.objects.get()
    postbox.refuse[mail.recipient] = answer
    if state == "queued":
        with pytest.raises(tasks.TryAgain):
            tasks.send(mail.pk)
    else:
        tasks.send(mail.pk)
    mail.refresh_from_db()
    assert (mail.state, mail.error) == (state, f"SMTPRecipientsRefused {answer[:3]}")
    assert mail.recipient not in mail.error


def test_other_mails_wait_after_a_time_out(postbox, settings):
    settings.EMAIL_TIMEOUT = 0.5
    for _order in range(3):
        make_order()
    first, second, third = Mail.objects.order_by("pk")
    postbox.silent.set()
    with pytest.raises(tasks.TryAgain, match=r"TimeoutError|Disconnected"):
        tasks.send(first.pk)
    begin = timezone.now()
    with pytest.raises(tasks.TryAgain, match="the mail server is away") as refusal:
        tasks.send(second.pk)
    assert timedelta(seconds=20) < refusal.value.at - begin < timedelta(seconds=40)
    second.refresh_from_db()
    assert (second.attempts, len(postbox.letters)) == (0, 1)
    assert (
        tasks.MailRetry().get_retry_decision(exception=refusal.value, job=None).retry_at == refusal.value.at
    )
    # The next pause is longer, and the first mail that goes out ends them.
    later = refusal.value.at
    pause.begin(later)
    assert pause.until(later) - later == timedelta(minutes=1)
    pause.begin(later)
    assert pause.until(later) - later == timedelta(minutes=1), "two mails failed at once"
    postbox.silent.clear()
    settings.EMAIL_TIMEOUT = PATIENCE
    pause.cache.set(pause.KEY, (2, 0.0), 60)
    tasks.send(third.pk)
    assert pause.cache.get(pause.KEY) is None
    tasks.send(second.pk)
    assert set(Mail.objects.filter(pk__in=[second.pk, third.pk]).values_list("state", flat=True)) == {"sent"}


def test_error_of_one_mail_does_not_pause_the_others(postbox):
    for _order in range(2):
        make_order()
    first, second = Mail.objects.order_by("pk")
    Mail.objects.filter(pk=first.pk).update(recipient="rude@example.org")
    postbox.refuse["rude@example.org"] = "450 come back later"
    with pytest.raises(tasks.TryAgain):
        tasks.send(first.pk)
    assert pause.until(timezone.now()) is None
    tasks.send(second.pk)
    second.refresh_from_db()
    assert second.state == "sent"
