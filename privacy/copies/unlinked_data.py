"""Find what is stored under an e-mail address that no contact of an organiser has: an earlier address, or an unproved log-in."""

from django.contrib.auth import get_user_model
from django.db import models
from django.db.models import Q

from ticketshop.lib.areas import REQUESTS
from ticketshop.lib.personal import ADDRESS, NotPersonal, Unless
from ticketshop.lib.values.email_addresses import ModelEmailField
from ticketshop.lib.values.text import normalise_email
from ticketshop.mail.models import Mail
from ticketshop.organisers.models import Organiser

from ..declarations import registry, subjects

User = get_user_model()


def kinds(organiser: Organiser, address: str) -> list[str]:
    """Return the names of the kinds of rows that contain ``address`` at ``organiser``, or at no organiser at all.

    Without what the request itself creates: the mails with the link, and their proofs.
    """
    key = normalise_email(address)
    models_found = [
        model
        for model in subjects.models_with_people()
        if registry.declaration(model).area is not REQUESTS
        for path in (*_paths(model), *_typed_by_others(model))
        if _rows(model, path, key, organiser).exists()
    ]
    if User.objects.filter(email=key).exists():
        models_found.append(User)
    return list(dict.fromkeys(str(model._meta.verbose_name_plural) for model in models_found))


def _paths(model: type[models.Model]) -> list[str]:
    subject = registry.declaration(model).subject
    # With ``Unless`` too: the row of a known person may contain an earlier address.
    kinds_by_path = {path: kind.kind if isinstance(kind, Unless) else kind for path, kind in subject.items()}
    return [path for path, kind in kinds_by_path.items() if kind == ADDRESS]


def _typed_by_others(model: type[models.Model]) -> list[str]:
    """Return the columns for an e-mail address that another person typed, such as that of a ticket's holder."""
    declaration = registry.declaration(model)
    if declaration.person is not None or not registry.organiser_path(model):
        return []
    return [
        column.name
        for column in model._meta.concrete_fields
        if isinstance(column, ModelEmailField)
        and not isinstance(declaration.columns.get(column.name), NotPersonal)
    ]


def _rows(model: type[models.Model], path: str, address: str, organiser: Organiser) -> models.QuerySet:
    organiser_path = registry.organiser_path(model)
    rows = model._base_manager.filter(
        Q(**{organiser_path: organiser}) | Q(**{f"{organiser_path}__isnull": True}),
        **{f"{path}__iexact": address},
    )
    return rows.exclude(kind="data_link") if model is Mail else rows
