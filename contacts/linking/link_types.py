"""The types of links that every installation has. ``sync`` makes them after each migration; staff may change the labels."""

from django.db.models import Q, QuerySet
from django.utils.translation import gettext as _

from contacts.models import Contact, LinkType

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
    """Return the active types that staff may choose: all that are not reserved, and "friends_family"."""
    return LinkType.objects.filter(Q(reserved=False) | Q(code=LinkType.FRIENDS_FAMILY), active=True)


def both_ways(link_type: LinkType) -> str:
    """Return the label of a type seen from the parent and from the child."""
    return _("%(child)s (and the other way round: %(parent)s)") % {
        "child": link_type.label_parent_to_child,
        "parent": link_type.label_child_to_parent,
    }


def sync() -> None:
    """Create the types of ``TYPES`` that are missing."""
    known = set(LinkType.objects.values_list("code", flat=True))
    for code, (reserved, *labels) in TYPES.items():
        if code in known:
            continue
        texts = {}
        for language, (down, up) in zip(("en", "fr", "de", "it"), labels, strict=True):
            texts |= {f"label_parent_to_child_{language}": down, f"label_child_to_parent_{language}": up}
        person = [Contact.Kind.INDIVIDUAL]
        LinkType.objects.create(
            code=code, reserved=reserved, parent_kinds=person, child_kinds=person, **texts
        )
