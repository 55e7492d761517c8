"""A mail server on the loopback interface that stores mails and can be slow, silent or refusing on demand."""

import asyncio
import email
import email.policy
import threading
from dataclasses import dataclass, field
from email.message import EmailMessage
from typing import Self

from aiosmtpd.smtp import SMTP

from tests.waiting import PATIENCE


@dataclass(frozen=True)
class Letter:
    """A received mail with its envelope recipients."""

    recipients: list[str]
    message: EmailMessage
    raw: bytes

    @property
    def subject(self) -> str:
        return str(self.message["Subject"])

    @property
    def text(self) -> str:
        return self.message.get_body(("plain",)).get_content()

    @property
    def html(self) -> str:
        return self.message.get_body(("html",)).get_content()

    @property
    def attachments(self) -> dict[str, bytes]:
        return {part.get_filename(): part.get_content() for part in self.message.iter_attachments()}


@dataclass
class Postbox:
    """``with Postbox() as postbox``: listens on ``postbox.port`` and collects mails in ``postbox.letters``."""

    port: int = 0
    letters: list[Letter] = field(default_factory=list)
    refuse: dict[str, str] = field(default_factory=dict)  # recipient -> answer, such as "550 no such person"
    arrived: threading.Event = field(default_factory=threading.Event)
    # While it is set, mails are stored but the sender waits for the reply.
    silent: threading.Event = field(default_factory=threading.Event)
    # Whether it accepts addresses with non-ASCII letters before the @.
    utf8: bool = False

    async def handle_RCPT(self, server, session, envelope, address, options):
        if address in self.refuse:
            return self.refuse[address]
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server, session, envelope):
        message = email.message_from_bytes(envelope.content, policy=email.policy.default)
        self.letters.append(Letter(list(envelope.rcpt_tos), message, envelope.content))
        self.arrived.set()
        while self.silent.is_set():
            await asyncio.sleep(0.05)
        return "250 OK"

    def __enter__(self) -> Self:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()
        self._server = asyncio.run_coroutine_threadsafe(self._listen(), self._loop).result(PATIENCE)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def _listen(self) -> asyncio.Server:
        return await self._loop.create_server(
            lambda: SMTP(self, loop=self._loop, enable_SMTPUTF8=self.utf8), "127.0.0.1", self.port
        )

    def __exit__(self, *_exc: object) -> None:
        self.silent.clear()
        asyncio.run_coroutine_threadsafe(self._end(), self._loop).result(PATIENCE)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(PATIENCE)
        self._loop.close()

    async def _end(self) -> None:
        self._server.close()
        others = asyncio.all_tasks() - {asyncio.current_task()}
        for task in others:
            task.cancel()
        await asyncio.gather(*others, return_exceptions=True)

    def to(self, address: str) -> list[Letter]:
        return [letter for letter in self.letters if address in letter.recipients]
