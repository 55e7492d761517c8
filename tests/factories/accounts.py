"""Log-ins of visitors and staff."""

import factory
from allauth.account.models import EmailAddress

from accounts.models import User
from ticketshop.lib.database import writing

PASSWORD = "a-long-test-password"
BACKEND = "accounts.log_in.backends.AccountBackend"


class UserFactory(factory.django.DjangoModelFactory):
    """A log-in with a confirmed e-mail address and the password ``PASSWORD``."""

    class Meta:
        model = User
        skip_postgeneration_save = True

    email = factory.Sequence(lambda n: f"person{n}@example.org")
    password = PASSWORD

    @classmethod
    def _create(cls, model_class, *args, **values):
        user = model_class.objects.create_user(**values)
        writing.insert([EmailAddress(user=user, email=user.email, verified=True, primary=True)])
        return user


class SuperuserFactory(UserFactory):
    """The administrator of the platform."""

    is_superuser = True
