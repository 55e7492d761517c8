"""Permissions of staff. They come from memberships and hold for one organiser each."""

from django.contrib.auth.backends import ModelBackend
from django.contrib.auth.models import Permission
from django.db.models import Model, QuerySet

from ticketshop.lib.database.compiled import Compiled, Parameter

from .models import StaffMembership

# Permissions for pages outside of the back office: they alone do not open it.
ELSEWHERE = frozenset({"sales.check_in"})

_OF_USER = Compiled(
    lambda: StaffMembership.objects.filter(user=Parameter("user")).values_list(
        "organiser_id", "role__permissions__content_type__app_label", "role__permissions__codename"
    )
)


def organiser_id_of(row: Model) -> int | None:
    """Return the id of the organiser a row belongs to, by its class's ``organiser_path``; None for a row of the platform.

    The path ends in a foreign key to the organiser, in ``pk``, or in a column ``…_id`` with the id.
    """
    if not hasattr(row, "organiser_path"):
        return None
    value = row
    *path, last = row.organiser_path.split("__")
    for name in path:
        value = getattr(value, name)
    return getattr(value, last if last == "pk" or last.endswith("_id") else f"{last}_id")


def permissions_by_organiser(user) -> dict[int, set[str]]:
    """Return organiser id -> {"sales.view_order", …}; read once per request and cached on the user."""
    cached = getattr(user, "_permissions_by_organiser", None)
    if cached is None:
        cached = {}
        for organiser_id, app, codename in _OF_USER.rows(user=user.pk):
            cached.setdefault(organiser_id, set()).add(f"{app}.{codename}")
        user._permissions_by_organiser = cached
    return cached


def organisers_where(user, permission: str) -> set[int] | None:
    """Return the ids of the organisers in which ``user`` has ``permission``; None means all (superuser)."""
    if not user.is_active:
        return set()
    if user.is_superuser:
        return None
    return {organiser for organiser, names in permissions_by_organiser(user).items() if permission in names}


def has(user, permission: str, row: Model | None = None) -> bool:
    """Return whether ``user`` has ``permission`` in the organiser of ``row``; without a row, in any of the user's organisers.

    The same as ``user.has_perm``, for pages that ask hundreds of times: Django makes all authentication backends anew for each answer.
    """
    organisers = organisers_where(user, permission)
    if organisers is None:
        return True
    return bool(organisers) if row is None else organiser_id_of(row) in organisers


def for_staff(queryset: QuerySet, user, permission: str) -> QuerySet:
    """Return the rows of ``queryset`` that belong to organisers in which ``user`` has ``permission``."""
    return within(queryset, organisers_where(user, permission))


def within(queryset: QuerySet, organisers: set[int] | None) -> QuerySet:
    """Return the rows of ``queryset`` that belong to these organisers; None means all rows.

    Rows without an organiser belong to the platform: they are returned for None only.
    """
    if organisers is None:
        return queryset
    if not hasattr(queryset.model, "organiser_path"):
        return queryset.none()
    return queryset.filter(**{f"{queryset.model.organiser_path}__in": sorted(organisers)})


def is_staff(user) -> bool:
    """Return whether the user may open the back office."""
    return (
        user.is_active
        and user.is_authenticated
        and (user.is_superuser or any(names - ELSEWHERE for names in permissions_by_organiser(user).values()))
    )


class MembershipBackend(ModelBackend):
    """Authentication backend for permissions.

    ``has_perm(p)``: in any of the user's organisers. ``has_perm(p, row)``: in the organiser of the row.
    """

    def authenticate(self, request, **credentials):
        """Return None: log-ins are checked by the backend in ``accounts``."""
        return None

    def has_perm(self, user_obj, perm, obj=None):
        return has(user_obj, perm, obj)

    def get_all_permissions(self, user_obj, obj=None):
        if not user_obj.is_active or user_obj.is_anonymous:
            return set()
        if user_obj.is_superuser:
            return {
                f"{app}.{code}"
                for app, code in Permission.objects.values_list("content_type__app_label", "codename")
            }
        granted = permissions_by_organiser(user_obj)
        return set().union(*granted.values()) if obj is None else granted.get(organiser_id_of(obj), set())

    def has_module_perms(self, user_obj, app_label):
        return any(name.startswith(f"{app_label}.") for name in self.get_all_permissions(user_obj))
