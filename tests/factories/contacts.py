"""Contacts, created by the function that the back office calls."""

import factory
from django.utils import timezone

from contacts import contacts
from contacts.models import Contact

from .organisers import OrganiserFactory


class ContactFactory(factory.django.DjangoModelFactory):
    """A contact without a log-in (unless ``user`` is given), as the back office creates it."""

    class Meta:
        model = Contact

    organiser = factory.SubFactory(OrganiserFactory)
    via = Contact.CreatedVia.BACK_OFFICE
    now = factory.LazyFunction(timezone.now)
    first_name = factory.Sequence(lambda n: f"First{n}")
    last_name = factory.Sequence(lambda n: f"Last{n}")
    email = factory.Sequence(lambda n: f"contact{n}@example.org")
    language = "en"

    @classmethod
    def _create(cls, model_class, *args, **values):
        return contacts.create(**values)

    @classmethod
    def _build(cls, model_class, *args, via, now, **values):
        return model_class(created_via=via, created_at=now, **values)
