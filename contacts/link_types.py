"""The kinds of links every installation has. Made after migrating; staff may change the words afterwards."""

from django.db.models import Q, QuerySet
from django.utils.translation import gettext as _

from .models import Contact, LinkType

TYPES = {
    # code: reserved, then (parent to child, child to parent) in English, French, German, Italian
    "friends_family": (
        True,
        ("friend or relative", "has connected them"),
        ("ami ou proche", "les a ajoutés"),
        ("Freund oder Angehörige", "hat sie verbunden"),
        ("amico o familiare", "li ha collegati"),
    ),
    "parent_child": (
        False,
        ("child", "parent"),
        ("enfant", "parent"),
        ("Kind", "Elternteil"),
        ("figlio", "genitore"),
    ),
    "partner": (
        False,
        ("partner", "partner"),
        ("partenaire", "partenaire"),
        ("Partner", "Partner"),
        ("partner", "partner"),
    ),
}


def choosable() -> QuerySet[LinkType]:
    """The kinds staff may choose: those switched on that the shop does not keep for itself, and its own for friends."""
    return LinkType.objects.filter(Q(reserved=False) | Q(code=LinkType.FRIENDS_FAMILY), active=True)


def both_ways(link_type: LinkType) -> str:
    """A kind as said from both of its ends."""
    return _("%(child)s (and the other way round: %(parent)s)") % {
        "child": link_type.label_parent_to_child,
        "parent": link_type.label_child_to_parent,
    }


def sync() -> None:
    """Make the kinds that are missing."""
    known = set(LinkType.objects.values_list("code", flat=True))
    for code, (reserved, *labels) in TYPES.items():
        if code in known:
            continue
        words = {}
        for language, (down, up) in zip(("en", "fr", "de", "it"), labels, strict=True):
            words |= {f"label_parent_to_child_{language}": down, f"label_child_to_parent_{language}": up}
        person = [Contact.Kind.INDIVIDUAL]
        LinkType.objects.create(
            code=code, reserved=reserved, parent_kinds=person, child_kinds=person, **words
        )
