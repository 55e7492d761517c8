"""The session store (settings.SESSION_ENGINE): rows in the database with the key of the log-in."""

from datetime import UTC, datetime

from django.contrib.auth import BACKEND_SESSION_KEY, SESSION_KEY
from django.utils.translation import gettext_lazy

from ticketshop.jobs.rows import Tidying
from ticketshop.lib.database.compiled import Compiled, Parameter
from ticketshop.lib.web.sessions import LeanStore

from ..models import Session

_FORMER_BACKEND = "allauth.account.auth_backends.AuthenticationBackend"
_BACKEND = "accounts.log_in.backends.AccountBackend"
_UNEXPIRED = Compiled(
    lambda: Session.objects.filter(session_key=Parameter("key"), expire_date__gt=Parameter("now"))
)


class SessionStore(LeanStore):
    """Sessions stored as rows of ``accounts.Session``."""

    unexpired = _UNEXPIRED

    def decode(self, session_data):
        """Return the stored data. Sessions stored by version 0.1 name another backend of log-ins; they stay valid."""
        data = super().decode(session_data)
        if data.get(BACKEND_SESSION_KEY) == _FORMER_BACKEND:
            data[BACKEND_SESSION_KEY] = _BACKEND
        return data

    @classmethod
    def get_model_class(cls):
        return Session

    def create_model_instance(self, data):
        """Also set the key of the log-in (None for a visitor without a log-in), the device, and when it was last used."""
        row = super().create_model_instance(data)
        row.user_id = int(data[SESSION_KEY]) if data.get(SESSION_KEY) else None
        if row.user_id is not None:
            row.device = data.get("device", "")
            row.used_at = datetime.fromtimestamp(data["used_at"], UTC) if data.get("used_at") else None
        return row


FORGET = Tidying(
    "accounts.forget_sessions",
    gettext_lazy("Delete an ended log-in session"),
    rows=lambda now: Session.objects.filter(expire_date__lt=now),
)
