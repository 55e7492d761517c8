"""The mailbox of the demo: mails are written to files that the page ``/mailbox/`` shows. Used with the setting DEMO only."""

import email
import email.policy
import time
from collections.abc import Iterable
from dataclasses import dataclass
from email.message import EmailMessage
from pathlib import Path

from django.conf import settings
from django.core.mail.backends.base import BaseEmailBackend
from django.shortcuts import render
from django.views.decorators.http import require_safe

from ticketshop.lib.values.text import normalise_email

from . import utf8

KEPT = 500


class Backend(BaseEmailBackend):
    """A mail backend that writes one .eml file per mail, named after the time, in a folder that web server and worker share."""

    def send_messages(self, messages):
        folder = Path(settings.MAILBOX_DIR)
        folder.mkdir(parents=True, exist_ok=True)
        for message in messages:
            name = f"{time.time_ns():020d}"
            partial = folder / f".{name}"
            partial.write_bytes(utf8.as_bytes(message))
            partial.rename(folder / f"{name}.eml")
        for old in sorted(folder.glob("*.eml"))[:-KEPT]:
            old.unlink(missing_ok=True)
        return len(messages)


@dataclass(frozen=True)
class ReceivedMail:
    """A mail as the page shows it."""

    sender: str
    to: str
    subject: str
    text: str
    attachments: list[str]


def read_mails(to: str = "") -> list[ReceivedMail]:
    """Return the mails, newest first; with ``to``, only those to this address."""
    mails, recipient = [], normalise_email(to)
    for path in sorted(Path(settings.MAILBOX_DIR).glob("*.eml"), reverse=True):
        parsed = _read(path)
        if parsed is None or (recipient and recipient != normalise_email(str(parsed["To"]))):
            continue
        body = parsed.get_body(("plain",))
        mails.append(
            ReceivedMail(
                sender=str(parsed["From"]),
                to=str(parsed["To"]),
                subject=str(parsed["Subject"]),
                text=body.get_content() if body else "",
                attachments=[part.get_filename() or "" for part in parsed.iter_attachments()],
            )
        )
    return mails


def forget(addresses: Iterable[str]) -> None:
    """Delete the mails to these addresses. In a real mailbox they belong to its owner, but here the shop stores them."""
    theirs = {normalise_email(address) for address in addresses}
    for path in Path(settings.MAILBOX_DIR).glob("*.eml"):
        parsed = _read(path)
        if parsed is not None and normalise_email(str(parsed["To"])) in theirs:
            path.unlink(missing_ok=True)


def _read(path: Path) -> EmailMessage | None:
    """Return the mail in a file, or None if the file was deleted in the meantime."""
    try:
        return email.message_from_bytes(path.read_bytes(), policy=email.policy.default)
    except FileNotFoundError:
        return None


@require_safe
def page(request):
    """``/mailbox/``: one article per mail, newest first; ``?to=ADDRESS`` shows one recipient's."""
    to = request.GET.get("to", "").strip()
    return render(request, "mail/mailbox.html", {"mails": read_mails(to)[:100], "to": to})
