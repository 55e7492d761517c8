"""Periodic tasks of the shop. Every task may run twice without harm."""

from django.utils import timezone
from django.utils.translation import gettext_lazy
from procrastinate import RetryStrategy
from procrastinate.contrib.django import app

from registration_forms.answers import limited_choices
from registration_forms.building import earlier_buyers
from registration_forms.models import FormVersion, RegistrationForm
from ticketshop.catalogue import places
from ticketshop.jobs.rows import Tidying
from ticketshop.limits import cache, limits
from ticketshop.submissions import saved_forms

from .answers import missing_answers, requests
from .bank import entries
from .bookings import cancelled_passes
from .cart import carts
from .orders import orders, reminders
from .orders.dates import cancelled_dates, date_change_job, date_messages  # noqa: F401  the job registers its task
from .payments import differences, provider_pages, refunds


@app.periodic(cron="* * * * *")
@app.task(name="sales.expire_orders", queueing_lock="sales.expire_orders")
def expire_orders(timestamp: int) -> None:
    """Expire orders that were not paid in time and release their places."""
    orders.expire_overdue(timezone.now())


@app.periodic(cron="* * * * *")
@app.task(name="sales.ask_providers", queueing_lock="sales.ask_providers")
def ask_providers(timestamp: int) -> None:
    """Ask providers about payments whose webhook has not come, and close pages that are not needed any more."""
    provider_pages.ASK.run(timezone.now())


@app.periodic(cron="* * * * *")
@app.task(name="sales.pay_back", queueing_lock="sales.pay_back")
def pay_back(timestamp: int) -> None:
    """Pay requested refunds back through the providers that can."""
    refunds.PAY_BACK.run(timezone.now())


@app.periodic(cron="* * * * *")
@app.task(name="sales.cancel_dates", queueing_lock="sales.cancel_dates")
def cancel_dates(timestamp: int) -> None:
    """Cancel what is left of cancelled dates: orders that failed, and those that were paid afterwards."""
    cancelled_dates.CANCEL.run(timezone.now())


@app.periodic(cron="*/5 * * * *")
@app.task(name="sales.remind_of_dates", queueing_lock="sales.remind_of_dates")
def remind_of_dates(timestamp: int) -> None:
    """Remind the visitors of dates whose time has come, and take up messages that were interrupted."""
    now = timezone.now()
    date_messages.REMIND.run(now)
    date_messages.WRITE.run(now)


@app.periodic(cron="* * * * *")
@app.task(name="sales.record_bank_entries", queueing_lock="sales.record_bank_entries")
def record_bank_entries(timestamp: int) -> None:
    """Record the payments of bank files that staff asked for, where there were too many for one request."""
    entries.RECORD.run(timezone.now())


@app.periodic(cron="* * * * *")
@app.task(name="sales.cancel_bookings", queueing_lock="sales.cancel_bookings")
def cancel_bookings(timestamp: int) -> None:
    """Cancel the places that were booked with passes that are cancelled."""
    cancelled_passes.CANCEL.run(timezone.now())


@app.periodic(cron="41 4 * * *")
@app.task(name="sales.compare_payments", queueing_lock="sales.compare_payments")
def compare_payments(timestamp: int) -> None:
    """Compare the payments of the last days with the lists of the payment services, and store the differences."""
    differences.COMPARE.run(timezone.now())


@app.periodic(cron="7 9 * * *")
@app.task(name="sales.remind", queueing_lock="sales.remind")
def remind(timestamp: int) -> None:
    """Remind buyers of unpaid orders, in the morning."""
    reminders.remind(timezone.now())


@app.task(name="sales.ask_earlier", retry=RetryStrategy(exponential_wait=3, max_attempts=10))
def ask_earlier(version_id: int, after: int = 0) -> None:
    """Ask a page of earlier buyers for answers to a newer version of a form, and queue a job for the next page."""
    version = FormVersion.objects.filter(pk=version_id, form__asked_again=version_id).first()
    if version is None:
        # Buyers are asked for a later version by now.
        return
    last = requests.tell_some(version, after, timezone.now())
    if last is not None:
        ask_earlier.defer(version_id=version_id, after=last)


@app.task(name="sales.ask_unanswered", retry=RetryStrategy(exponential_wait=3, max_attempts=10))
def ask_unanswered(form_id: int) -> None:
    """Ask some buyers for answers to a form that was assigned after their order, and queue a job for the others."""
    form = RegistrationForm.objects.filter(pk=form_id).first()
    if form is not None and missing_answers.ask_some(form, timezone.now()):
        ask_unanswered.defer(form_id=form_id)


@earlier_buyers.register_notifier
def tell_earlier(version: FormVersion) -> None:
    """Queue the job that asks earlier buyers, who may be very many."""
    ask_earlier.defer(version_id=version.pk)


COUNTERS = Tidying(
    "limits.forget_counters", gettext_lazy("Delete a counter whose time is over"), rows=limits.over
)
KEPT_FORMS = Tidying(
    "submissions.forget", gettext_lazy("Delete a form that met the log-in page"), rows=saved_forms.expired
)


@app.periodic(cron="*/10 * * * *")
@app.task(name="sales.tidy", queueing_lock="sales.tidy")
def tidy(timestamp: int) -> None:
    """Delete expired carts, holds, counters (also those of log-in) and kept submissions."""
    now = timezone.now()
    for forget in (
        carts.FORGET,
        places.FORGET,
        limited_choices.FORGET,
        COUNTERS,
        KEPT_FORMS,
        date_messages.FORGET,
    ):
        forget.run(now)
    cache.forget_expired(now)
