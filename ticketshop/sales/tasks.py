"""Periodic work of the shop. Every task may run twice without harm."""

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
from .cart import carts
from .orders import date_change_job, orders  # noqa: F401  the job registers its task


@app.periodic(cron="* * * * *")
@app.task(name="sales.expire_orders", queueing_lock="sales.expire_orders")
def expire_orders(timestamp: int) -> None:
    """Orders that were not paid in time give their places back."""
    orders.expire_overdue(timezone.now())


@app.periodic(cron="7 9 * * *")
@app.task(name="sales.remind", queueing_lock="sales.remind")
def remind(timestamp: int) -> None:
    """Remind the buyers of bank transfers, in the morning."""
    orders.remind(timezone.now())


@app.task(name="sales.ask_earlier", retry=RetryStrategy(exponential_wait=3, max_attempts=10))
def ask_earlier(version_id: int, after: int = 0) -> None:
    """Tell a page of earlier buyers what a form asks of them, and leave the next page to another job."""
    version = FormVersion.objects.filter(pk=version_id, form__asked_again=version_id).first()
    if version is None:
        # A later version is asked for by now.
        return
    last = requests.tell_some(version, after, timezone.now())
    if last is not None:
        ask_earlier.defer(version_id=version_id, after=last)


@app.task(name="sales.ask_unanswered", retry=RetryStrategy(exponential_wait=3, max_attempts=10))
def ask_unanswered(form_id: int) -> None:
    """Ask some buyers for the answers to a form that was given to what they had bought, and leave the others to another job."""
    form = RegistrationForm.objects.filter(pk=form_id).first()
    if form is not None and missing_answers.ask_some(form, timezone.now()):
        ask_unanswered.defer(form_id=form_id)


@earlier_buyers.register_notifier
def tell_earlier(version: FormVersion) -> None:
    """There may be very many: the worker does it."""
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
    """Forget carts, holds, counters (also those of log-in) and kept forms whose time is over."""
    now = timezone.now()
    for forget in (carts.FORGET, places.FORGET, limited_choices.FORGET, COUNTERS, KEPT_FORMS):
        forget.run(now)
    cache.forget_expired(now)
