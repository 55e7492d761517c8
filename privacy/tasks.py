"""What is erased, and goes on, by itself."""

from django.utils import timezone
from procrastinate.contrib.django import app

from . import erasing


@app.periodic(cron="*/5 * * * *")
@app.task(name="privacy.go_on", queueing_lock="privacy.go_on")
def go_on(timestamp: int) -> None:
    """Requests that a killed process left, and those whose wait is over."""
    erasing.go_on(timezone.now())


@app.periodic(cron="20 3 * * *")
@app.task(name="privacy.unclaimed", queueing_lock="privacy.unclaimed")
def unclaimed(timestamp: int) -> None:
    """People somebody added, who never claimed their place and never ordered."""
    erasing.unclaimed(timezone.now())
