"""The SDK of Stripe, with a time limit, and its errors as those of ``base``.

Only ``stripe_checkout`` imports this module, and only when it asks Stripe: the SDK costs a process a third of a second and 20 MB.
"""

import logging
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache

import requests
import stripe
from django.conf import settings

from .base import PROVIDER_SECONDS, InvalidHook, KeysRefused, ProviderUnavailable

logger = logging.getLogger("ticketshop.payments")
stripe.enable_telemetry = False
RETRIES = 2
# Seconds for which the signature of a webhook is valid.
HOOK_SECONDS = 300
# The shortest time in which an answer may be expected, in seconds.
SHORTEST = 0.1


class HttpClient(stripe.HTTPClient):
    """Sends the requests of this thread, all of them together in the time that ``asking`` allows."""

    name = "requests"

    def __init__(self):
        super().__init__()
        self.thread = threading.local()

    def request(self, method, url, headers, post_data=None, *, _usage=None):
        """Send one request. Return body, status and headers; raise stripe.APIConnectionError."""
        left = self.thread.ends - time.monotonic()
        if left < SHORTEST:
            raise stripe.APIConnectionError("out of time", should_retry=False)
        if not hasattr(self.thread, "session"):
            self.thread.session = _session(url)
        try:
            answer = self.thread.session.request(
                method,
                url,
                headers=headers,
                data=post_data,
                timeout=min(left, PROVIDER_SECONDS),
                allow_redirects=False,
            )
        except requests.RequestException as error:
            raise stripe.APIConnectionError(type(error).__name__, should_retry=True) from error
        return answer.content, answer.status_code, answer.headers


def _session(url: str) -> requests.Session:
    """Return a session whose proxy and certificates are read from the environment once, not at each request."""
    session = requests.Session()
    found = session.merge_environment_settings(url, {}, None, None, None)
    session.trust_env = False
    session.proxies, session.verify = found["proxies"], found["verify"]
    return session


@lru_cache(maxsize=32)
def _client(secret_key: str, api_base: str) -> tuple[stripe.StripeClient, HttpClient]:
    http = HttpClient()
    client = stripe.StripeClient(
        secret_key, base_addresses={"api": api_base}, http_client=http, max_network_retries=RETRIES
    )
    return client, http


@contextmanager
def asking(secret_key: str, seconds: float | None = None) -> Iterator[stripe.StripeClient]:
    """Yield a client for some requests. Each takes at most ``PROVIDER_SECONDS``, and together they take that or ``seconds``.

    Raise KeysRefused, and ProviderUnavailable for every other answer that can't be used. What Stripe refuses for a reason that
    the caller handles is stripe.InvalidRequestError inside the block.
    """
    client, http = _client(secret_key, settings.STRIPE_API_BASE)
    http.thread.ends = time.monotonic() + (seconds or PROVIDER_SECONDS)
    try:
        yield client
    except (stripe.AuthenticationError, stripe.PermissionError) as error:
        logger.error("stripe refuses the secret key error=%s", type(error).__name__)
        raise KeysRefused from error
    except stripe.APIConnectionError as error:
        # The text is ours, see ``HttpClient``.
        logger.warning("stripe has not answered error=%s", error.user_message)
        raise ProviderUnavailable from error
    except stripe.StripeError as error:
        logger.warning(
            "stripe has not answered usefully error=%s code=%s", type(error).__name__, error.code or "-"
        )
        raise ProviderUnavailable from error
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        # The SDK, and who reads what it returns, take an unexpected answer for an object.
        logger.exception("stripe has answered nonsense error=%s", type(error).__name__)
        raise ProviderUnavailable from error


def is_stored(error: stripe.StripeError) -> bool:
    """Return whether Stripe refuses a key for good that was used before.

    For a day it repeats its first answer to an idempotency key, faults of its own too, and refuses the key with other values.
    """
    if isinstance(error, stripe.IdempotencyError):
        return error.http_status == 400
    replayed = (error.headers or {}).get("idempotent-replayed") == "true"
    return replayed and (error.http_status or 0) >= 500


def check_hook(body: bytes, signature: str, secrets: list[str]) -> None:
    """Raise InvalidHook unless one of the secrets has signed the body within ``HOOK_SECONDS``."""
    if not signature.isascii():
        # The SDK can't compare such a text.
        raise InvalidHook("signature")
    why = "no secret"
    for secret in secrets:
        try:
            stripe.WebhookSignature.verify_header(body, signature, secret, HOOK_SECONDS)
        except stripe.SignatureVerificationError as error:
            why = "too old" if "tolerance" in str(error) else "signature"
        except UnicodeDecodeError:
            why = "not UTF-8"
        else:
            return
    raise InvalidHook(why)
