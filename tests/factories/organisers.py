"""Organisers, their points of sale, and their staff."""

import factory
from django.contrib.auth.models import Group
from django.utils import timezone

from ticketshop.lib.database import writing
from ticketshop.organisers import terms
from ticketshop.organisers.models import Organiser, PointOfSale, StaffInvitation, StaffMembership
from ticketshop.organisers.staff_invitation import VALID

from .accounts import UserFactory
from .inserting import InsertingFactory


class OrganiserFactory(InsertingFactory):
    """A Swiss organiser: CHF, Europe/Zurich, English and French; its staff need no second factor."""

    class Meta:
        model = Organiser

    name = factory.Sequence(lambda n: f"Organiser {n}")
    legal_name = factory.LazyAttribute(lambda made: f"{made.name} Ltd")
    second_factor_required = False


class PointOfSaleFactory(InsertingFactory):
    """A shop that is switched on, with default settings and terms of sale, without payment methods."""

    class Meta:
        model = PointOfSale

    organiser = factory.SubFactory(OrganiserFactory)
    name = factory.Sequence(lambda n: f"Shop {n}")
    slug = factory.Sequence(lambda n: f"shop-{n}")
    active = True
    terms = "What is bought here is bought."
    first_opened_at = factory.LazyAttribute(lambda made: timezone.now() if made.active else None)

    @classmethod
    def _create(cls, model_class, *args, **values):
        """Insert the shop with the version of its terms, as its ``save`` does, at once."""
        pos = model_class(*args, **values)
        pos.terms_version = terms.new_version(pos, terms.texts_of(pos), None, timezone.now())
        rows = [pos, pos.terms_version] if pos.terms_version else [pos]
        writing.assign_keys(rows)
        writing.insert(rows)
        return pos


class StaffMembershipFactory(InsertingFactory):
    """A membership; ``role`` is a name in ``ticketshop.roles.ROLES``."""

    class Meta:
        model = StaffMembership

    user = factory.SubFactory(UserFactory)
    organiser = factory.SubFactory(OrganiserFactory)
    role = "owner"

    @classmethod
    def _create(cls, model_class, *args, role, **values):
        return super()._create(model_class, *args, role=Group.objects.get(name=role), **values)


class StaffInvitationFactory(InsertingFactory):
    """An open invitation whose mail was not queued; ``invitations.new_token`` gives its token."""

    class Meta:
        model = StaffInvitation

    email = factory.Sequence(lambda n: f"invited{n}@example.org")
    organiser = factory.SubFactory(OrganiserFactory)
    role = "box office"
    created_at = factory.LazyFunction(timezone.now)
    expires_at = factory.LazyAttribute(lambda made: made.created_at + VALID)

    @classmethod
    def _create(cls, model_class, *args, role, **values):
        return super()._create(model_class, *args, role=Group.objects.get(name=role), **values)


def make_staff(organiser: Organiser, role: str = "owner", **values):
    """Return a new log-in that is staff of ``organiser`` in this role; ``values`` are columns of the log-in."""
    return StaffMembershipFactory(user=UserFactory(**values), organiser=organiser, role=role).user
