"""Sessions in the database (settings.SESSION_ENGINE): each row says whose log-in it holds."""

from django.contrib.auth import SESSION_KEY
from django.utils import timezone

from ticketshop.lib.compiled import Compiled, Parameter
from ticketshop.lib.sessions import LeanStore

from .models import Session

_UNEXPIRED = Compiled(
    lambda: Session.objects.filter(session_key=Parameter("key"), expire_date__gt=Parameter("now"))
)


class SessionStore(LeanStore):
    """Rows of ``accounts.Session``."""

    unexpired = _UNEXPIRED

    @classmethod
    def get_model_class(cls):
        return Session

    def create_model_instance(self, data):
        row = super().create_model_instance(data)
        row.user_id = int(data[SESSION_KEY]) if data.get(SESSION_KEY) else None
        return row


def clear_expired() -> int:
    """Delete the sessions whose time is over; returns how many."""
    return Session.objects.filter(expire_date__lt=timezone.now()).delete()[0]
