"""Declarations for the tables of Django, django-allauth and procrastinate, and for the arguments of jobs."""

from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from ticketshop.lib.areas import LOG_IN
from ticketshop.lib.personal import (
    USER,
    Author,
    DeleteRow,
    Expiry,
    Json,
    LogInRows,
    NotPersonal,
    not_personal,
)


def _declare(columns: dict, subject: dict | None = None, person: str | None = None, **more):
    """Return a ``class Personal`` with these attributes."""
    return type("Personal", (), {"columns": columns, "subject": subject or {}, "person": person, **more})


JOB_ARGUMENTS = Json(
    {
        **not_personal(
            "the number of a row",
            "mail_id",
            "export_id",
            "erasure_id",
            "version_id",
            "form_id",
            "change_id",
            "message_id",
            "after",
        ),
        **not_personal("names of tables of our own", "tables"),
        **not_personal(
            "how long jobs are kept",
            "max_hours",
            "queue",
            "remove_failed",
            "remove_cancelled",
            "remove_aborted",
        ),
        "timestamp": NotPersonal("an instant"),
    }
)
DECLARATIONS = {
    "contenttypes.ContentType": _declare(not_personal("names of models", "app_label", "model")),
    "auth.Permission": _declare(not_personal("a right", "name", "codename")),
    "auth.Group": _declare(not_personal("a role", "name")),
    "admin.LogEntry": _declare(
        {
            "user": Author(),
            "object_repr": NotPersonal("the number of a row; the back office writes to its history instead"),
            "change_message": NotPersonal("names of columns; the back office writes to its history instead"),
            **not_personal("which row, when, and what was done", "action_time", "object_id", "action_flag"),
        },
    ),
    "account.EmailAddress": _declare(
        {"user": DeleteRow(), "email": DeleteRow()},
        {"user": LogInRows(Q(verified=False))},
        area=LOG_IN,
        expiry=(
            Expiry(
                "accounts.tidy",
                (),
                where=Q(verified=False),
                promise=_("Another e-mail address that you noted and did not prove: a week."),
            ),
        ),
        labels={"user": _("log-in"), "email": _("e-mail address")},
    ),
    "account.EmailConfirmation": _declare(
        {"created": DeleteRow(), "sent": DeleteRow(), "key": DeleteRow()},
        {"email_address__user": LogInRows(Q(email_address__verified=False))},
        area=LOG_IN,
        labels={"created": _("e-mail asked for"), "sent": _("e-mail sent")},
        withheld={"key": _("opens what only your mailbox may open")},
    ),
    "mfa.Authenticator": _declare(
        {
            "user": DeleteRow(),
            "type": DeleteRow(),
            "data": DeleteRow(),
            "created_at": DeleteRow(),
            "last_used_at": DeleteRow(),
        },
        {"user": USER},
        area=LOG_IN,
        labels={
            "user": _("log-in"),
            "type": _("second step at the log-in"),
            "created_at": _("set up"),
            "last_used_at": _("last used"),
        },
        withheld={"data": _("what the second step at the log-in is checked with")},
    ),
    "procrastinate.ProcrastinateJob": _declare(
        {
            "args": JOB_ARGUMENTS,
            **not_personal(
                "how a job runs",
                "queue_name",
                "task_name",
                "priority",
                "lock",
                "status",
                "scheduled_at",
                "attempts",
                "queueing_lock",
            ),
        }
    ),
    "procrastinate.ProcrastinateEvent": _declare(not_personal("what became of a job", "type", "at")),
    "procrastinate.ProcrastinatePeriodicDefer": _declare(
        not_personal("when a periodic job was queued", "task_name", "defer_timestamp", "periodic_id")
    ),
    "procrastinate.ProcrastinateWorker": _declare(not_personal("a process", "last_heartbeat")),
}
