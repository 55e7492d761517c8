"""What a person leaves outside of models: counters of log-in in the cache, and the mails the demo keeps for all to read."""

import hashlib
from functools import partial
from urllib.parse import urlsplit

from django.conf import settings
from django.db import transaction

from ticketshop.limits.cache import forget_sources
from ticketshop.mail import mailbox

from .subjects import Subject

# Tables no model owns, and what they say of a person.
TABLES = {
    "django_migrations": "names of files of our own",
    "cache_entries": "counters of log-in, keyed by a keyed hash of network, log-in or address: forgotten with the person (traces.forget)",
}

# Where files lie, and what they say of a person.
STORAGES = {
    "default": "pictures of events and shops, under random names: of no visitor",
    "exports": "lists staff asked for, named in exports.Job: deleted with whoever is in them",
    "staticfiles": "files of our own",
}
CACHES = {"default": "the table cache_entries"}


def forget(subject: Subject) -> None:
    """Drop what django-allauth counted for the person's addresses and log-in; in the caller's transaction."""
    # Some of its keys are an address alone, those of refused log-ins begin with the host that was asked.
    texts = [f"{host}{address}" for address in subject.addresses for host in ("", *_hosts())]
    ends = [hashlib.sha256(text.encode()).hexdigest() for text in texts]
    ends += [f"user:{subject.user_id}"] if subject.user_id is not None else []
    if not ends:
        return
    if settings.DEMO:
        transaction.on_commit(partial(mailbox.forget, subject.addresses))
    forget_sources(ends)


def _hosts() -> list[str]:
    return sorted({f"{host}:" for host in (urlsplit(settings.BASE_URL).netloc, *settings.ALLOWED_HOSTS)})
