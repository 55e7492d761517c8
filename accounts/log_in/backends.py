"""The authentication backend for log-ins with an e-mail address and a password."""

from allauth.account.auth_backends import AuthenticationBackend

from ticketshop.lib.database.compiled import Compiled, Parameter

from ..models import User

_BY_ID = Compiled(lambda: User.objects.filter(pk=Parameter("pk")))


class AccountBackend(AuthenticationBackend):
    """django-allauth's backend. It reads the user of a log-in session, at each request, with a compiled query."""

    def get_user(self, user_id):
        """Return the user with this id if they may log in, else None."""
        user = _BY_ID.first(pk=user_id)
        return user if user is not None and self.user_can_authenticate(user) else None

    def get_all_permissions(self, user_obj, obj=None):
        """Return no permission: all come from memberships, through ``MembershipBackend``. Django's backend would look for groups of
        the log-in itself, with two queries on each page on which staff lack a permission.
        """
        return set()
