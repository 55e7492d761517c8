"""Back office: the rows at which background jobs failed, since when, and the time of the next try."""

from datetime import datetime

from django.apps import apps
from django.contrib import admin, messages
from django.urls import NoReverseMatch, reverse
from django.utils.html import format_html
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from ticketshop.office.buttons import Button, Outcome, always
from ticketshop.office.scoped_admin import ReadOnlyAdmin

from . import rows
from .models import Failure


def _question(failure: Failure) -> list[str]:
    return [_("It is tried again within a minute. If it fails once more, it stays in this list.")]


def _try_again(request, failure: Failure, now: datetime) -> Outcome:
    rows.at_once(failure, now)
    return messages.SUCCESS, _("It is tried again within a minute.")


TRY_AGAIN = Button(
    "try-again", gettext_lazy("Try again now"), ("jobs.change_failure",), always, _question, _try_again
)


@admin.register(Failure)
class FailureAdmin(ReadOnlyAdmin):
    list_display = ["task", "about", "first_at", "times", "next_at"]
    ordering = ["-last_at", "-pk"]
    fields = ["task", "about", "first_at", "last_at", "times", "next_at", "error"]
    readonly_fields = fields
    buttons = (TRY_AGAIN,)

    @admin.display(description=gettext_lazy("task"))
    def task(self, failure):
        job = rows.JOBS.get(failure.job)
        return job.title if job else failure.job

    @admin.display(description=gettext_lazy("about"))
    def about(self, failure):
        """Return the kind and the id of the row, linked to its page; never personal data."""
        model = apps.get_model(failure.model)
        text = f"{model._meta.verbose_name} {rows.shown(failure.row)}"
        try:
            page = reverse(
                f"admin:{model._meta.app_label}_{model._meta.model_name}_change", args=[failure.row]
            )
        except NoReverseMatch:
            return text
        return format_html('<a href="{}">{}</a>', page, text)
