"""Register of the kinds of mail. Each package registers a builder for each kind of mail that it queues.

A builder gets the Mail row when the mail is sent, not when it is queued, and reads the data then. So the queue contains no
personal text, and a mail contains the data at the time of sending.
"""

from collections.abc import Callable
from dataclasses import dataclass, field

from .models import Mail


@dataclass(frozen=True)
class Content:
    """The template context for ``emails/<kind>.{subject.txt,html}``, the files to attach, and pictures of the HTML part.

    The HTML part shows the PNG ``pictures["code"]`` as ``cid:code``.
    """

    context: dict
    attachments: list[tuple[str, bytes, str]] = field(default_factory=list)  # (name, content, MIME type)
    pictures: dict[str, bytes] = field(default_factory=dict)


Builder = Callable[[Mail], Content | None]
_BUILDERS: dict[str, Builder] = {}
_LABELS: dict[str, str] = {}
_FORGETS_RECIPIENT: set[str] = set()


def register(kind: str, label: str, *, forgets_recipient: bool = False) -> Callable[[Builder], Builder]:
    """Return a decorator for the builder of ``kind``. The builder may return None to send nothing.

    ``label`` is a lazy translation that staff read in lists. With ``forgets_recipient`` the address is removed from the row when
    the mail was sent or has failed, because the person is erased.
    """

    def decorate(builder: Builder) -> Builder:
        _BUILDERS[kind], _LABELS[kind] = builder, label
        if forgets_recipient:
            _FORGETS_RECIPIENT.add(kind)
        return builder

    return decorate


def builder(kind: str) -> Builder:
    """Return the builder of a kind."""
    return _BUILDERS[kind]


def forgets_recipient(kind: str) -> bool:
    """Return whether a row of this kind loses its address when the mail was sent or has failed."""
    return kind in _FORGETS_RECIPIENT


def registered() -> list[str]:
    """Return all kinds that have a builder, sorted."""
    return sorted(_BUILDERS)


def label(kind: str) -> str:
    """Return the label of a kind, or its code if no builder is registered any more."""
    return str(_LABELS.get(kind) or kind)
