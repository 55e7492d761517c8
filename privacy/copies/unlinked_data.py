"""What is kept under an e-mail address that no contact of an organiser has: an earlier address, or a log-in nobody proved."""

from django.contrib.auth import get_user_model
from django.db import models
from django.db.models import Q

from ticketshop.lib.areas import REQUESTS
from ticketshop.lib.email_addresses import ModelEmailField
from ticketshop.lib.personal import ADDRESS, NotPersonal, Unless
from ticketshop.lib.text import normalise_email
from ticketshop.mail.models import Mail
from ticketshop.organisers.models import Organiser

from ..declarations import registry, subjects

User = get_user_model()


def kinds(organiser: Organiser, address: str) -> list[str]:
    """Return the names of the kinds of rows that hold ``address`` at ``organiser``, or at no organiser at all.

    Left out is what asking for one's data makes by itself: the mails with the link, and the proofs behind them.
    """
    key = normalise_email(address)
    found = [
        model
        for model in subjects.models_with_people()
        if registry.declaration(model).area is not REQUESTS
        for path in (*_paths(model), *_typed_by_others(model))
        if _rows(model, path, key, organiser).exists()
    ]
    if User.objects.filter(email=key).exists():
        found.append(User)
    return list(dict.fromkeys(str(model._meta.verbose_name_plural) for model in found))


def _paths(model: type[models.Model]) -> list[str]:
    said = registry.declaration(model)
    # Also of rows that are known to be somebody's: an earlier address of theirs is one.
    kind_of = {path: kind.kind if isinstance(kind, Unless) else kind for path, kind in said.subject.items()}
    return [path for path, kind in kind_of.items() if kind == ADDRESS]


def _typed_by_others(model: type[models.Model]) -> list[str]:
    """The columns for an address that somebody else entered, such as that of a ticket's holder."""
    said = registry.declaration(model)
    if said.person is not None or not registry.organiser_path(model):
        return []
    return [
        column.name
        for column in model._meta.concrete_fields
        if isinstance(column, ModelEmailField) and not isinstance(said.columns.get(column.name), NotPersonal)
    ]


def _rows(model: type[models.Model], path: str, address: str, organiser: Organiser) -> models.QuerySet:
    here = registry.organiser_path(model)
    found = model._base_manager.filter(
        Q(**{here: organiser}) | Q(**{f"{here}__isnull": True}), **{f"{path}__iexact": address}
    )
    return found.exclude(kind="data_link") if model is Mail else found
