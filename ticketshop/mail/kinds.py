"""Which mails there are. The room that has something to tell registers a builder for each kind.

A builder gets the Mail row when the mail is sent, not when it is queued, and reads what it needs:
so nothing a person wrote lies in a queue, and a mail tells what is true when it leaves.
"""

from collections.abc import Callable
from dataclasses import dataclass, field

from .models import Mail


@dataclass(frozen=True)
class Content:
    """What goes into the templates ``emails/<kind>.{subject.txt,html}``, and files to attach."""

    context: dict
    attachments: list[tuple[str, bytes, str]] = field(default_factory=list)  # name, content, MIME type


Builder = Callable[[Mail], Content | None]
_BUILDERS: dict[str, Builder] = {}
_LABELS: dict[str, str] = {}
_FORGETS_RECIPIENT: set[str] = set()


def register(kind: str, label: str, *, forgets_recipient: bool = False) -> Callable[[Builder], Builder]:
    """Decorate the builder of ``kind``; it may return None: then there is nothing to tell any more.

    ``label`` is what staff read in lists (a lazy translation). With ``forgets_recipient`` the row loses its address when
    the mail has left, or can't leave: the person is erased.
    """

    def decorate(builder: Builder) -> Builder:
        _BUILDERS[kind], _LABELS[kind] = builder, label
        if forgets_recipient:
            _FORGETS_RECIPIENT.add(kind)
        return builder

    return decorate


def builder(kind: str) -> Builder:
    return _BUILDERS[kind]


def forgets_recipient(kind: str) -> bool:
    """Whether the row of a mail of this kind loses its address when the mail has left."""
    return kind in _FORGETS_RECIPIENT


def registered() -> list[str]:
    """Every kind there is a builder for, sorted."""
    return sorted(_BUILDERS)


def label(kind: str) -> str:
    """The name of a kind of mail, for people; the bare code for one that is no longer made."""
    return str(_LABELS.get(kind) or kind)
