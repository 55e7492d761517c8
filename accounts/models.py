"""Log-ins and their sessions. A log-in has one e-mail address, unique in the whole installation."""

from django.conf import settings
from django.contrib.auth.models import AbstractBaseUser, BaseUserManager, PermissionsMixin
from django.contrib.sessions.base_session import AbstractBaseSession
from django.db import models
from django.db.models import Q
from django.utils.module_loading import import_string
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext_lazy

from ticketshop.lib.areas import LOG_IN
from ticketshop.lib.personal import LOG_IN_SESSION, USER, DeleteRow, Expiry
from ticketshop.lib.values.email_addresses import ModelEmailField
from ticketshop.lib.values.text import normalise_email

# A log-in is deleted after so many days if its e-mail address was never proved, and after so many years without use if
# no organiser has a contact of it.
UNPROVED_DAYS, UNUSED_YEARS = 7, 3


class UserManager(BaseUserManager):
    """Creates and finds log-ins by their normalised e-mail address."""

    def create_user(self, email: str, password: str | None = None, **extra):
        """Create a log-in. Without ``password`` it can't be used until its owner chooses one."""
        user = self.model(email=normalise_email(email), **extra)
        user.set_password(password)
        user.save(using=self._db)
        return user

    def create_superuser(self, email: str, password: str, **extra):
        """Create a log-in of an administrator of the platform."""
        return self.create_user(email, password, is_superuser=True, **extra)

    def get_by_natural_key(self, email):
        return self.get(email=normalise_email(email))


class User(AbstractBaseUser, PermissionsMixin):
    """A log-in. What an organiser knows of its person is on the organiser's contact of it."""

    email = ModelEmailField(_("e-mail address"), unique=True)
    is_active = models.BooleanField(_("active"), default=True)
    date_joined = models.DateTimeField(_("joined"), auto_now_add=True)

    objects = UserManager()
    USERNAME_FIELD = "email"
    EMAIL_FIELD = "email"
    REQUIRED_FIELDS = []

    class Meta:
        verbose_name = _("log-in")
        verbose_name_plural = _("log-ins")

    class Personal:
        person = USER
        subject = {"pk": USER}
        area = LOG_IN
        expiry = (
            Expiry(
                "accounts.tidy",
                "date_joined",
                UNPROVED_DAYS,
                where=Q(contacts=None) & ~Q(emailaddress__verified=True),
                promise=ngettext_lazy(
                    "If you never prove your e-mail address: %(number)d day.",
                    "If you never prove your e-mail address: %(number)d days.",
                    "number",
                ),
            ),
            Expiry(
                "accounts.tidy",
                ("last_login", "date_joined"),
                UNUSED_YEARS,
                unit=365,
                where=Q(contacts=None),
                promise=ngettext_lazy(
                    "If no organiser here knows you: %(number)d year after you last logged in.",
                    "If no organiser here knows you: %(number)d years after you last logged in.",
                    "number",
                ),
            ),
        )
        columns = {
            "email": DeleteRow(),
            "password": DeleteRow(),
            "last_login": DeleteRow(),
            "date_joined": DeleteRow(),
            "groups": DeleteRow(),
            "user_permissions": DeleteRow(),
        }
        withheld = {"password": _("not even we can read it")}

    def __str__(self):
        return f"#{self.pk}"

    @property
    def is_staff(self) -> bool:
        """Whether the log-in is an administrator. Only third-party code reads it; the back office reads memberships."""
        return self.is_superuser


class Session(AbstractBaseSession):
    """A browser's session. It has the key of its log-in, so that all sessions of a log-in can be ended at once."""

    user = models.ForeignKey(User, null=True, on_delete=models.CASCADE, related_name="+")
    device = models.CharField(max_length=60, blank=True, default="")
    used_at = models.DateTimeField(null=True)

    class Personal:
        subject = {"user": LOG_IN_SESSION}
        area = LOG_IN
        expiry = (Expiry("accounts.tidy", "expire_date", promise=_("Browsers stay signed in for 14 days.")),)
        labels = {
            "user": _("signed in"),
            "session_data": _("content"),
            "expire_date": _("until"),
            "device": _("device"),
            "used_at": _("last used"),
        }
        code_labels = {"device": "accounts.log_in.devices.text_of"}
        columns = {
            "user": DeleteRow(),
            "session_data": DeleteRow(),
            "expire_date": DeleteRow(),
            "device": DeleteRow(),
            "used_at": DeleteRow(),
        }
        withheld = {"session_data": _("what keeps a browser signed in")}

    class Meta(AbstractBaseSession.Meta):
        verbose_name = _("log-in session")
        verbose_name_plural = _("log-in sessions")

    @classmethod
    def get_session_store_class(cls):
        """Return the store of ``settings.SESSION_ENGINE``; not imported above, because it imports this model."""
        return import_string(f"{settings.SESSION_ENGINE}.SessionStore")
