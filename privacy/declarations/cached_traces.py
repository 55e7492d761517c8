"""Traces of a person outside the models: django-allauth's counters in the cache, and the mails that the demo shows."""

import hashlib
from functools import partial
from urllib.parse import urlsplit

from django.conf import settings
from django.db import transaction

from ticketshop.limits.cache import forget_sources
from ticketshop.mail import mailbox

from .subjects import Subject


def forget(subject: Subject) -> None:
    """Delete the counters of the subject's addresses and log-in, in the caller's transaction; demo mails after its commit."""
    # django-allauth counts by address, and by host and address for refused log-ins.
    sources = [f"{host}{address}" for address in subject.addresses for host in ("", *_hosts())]
    key_ends = [hashlib.sha256(source.encode()).hexdigest() for source in sources]
    key_ends += [f"user:{subject.user_id}"] if subject.user_id is not None else []
    if not key_ends:
        return
    if settings.DEMO:
        transaction.on_commit(partial(mailbox.forget, subject.addresses))
    forget_sources(key_ends)


def _hosts() -> list[str]:
    return sorted({f"{host}:" for host in (urlsplit(settings.BASE_URL).netloc, *settings.ALLOWED_HOSTS)})
