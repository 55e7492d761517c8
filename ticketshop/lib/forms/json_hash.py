"""A hash of values that a page showed, by which another state of them is noticed when the page is sent."""

import hashlib
import json


def of(value: object) -> str:
    """Return the SHA-256 of ``value`` as JSON, in hexadecimal. The order of keys in a dict does not matter."""
    return hashlib.sha256(json.dumps(value, sort_keys=True).encode()).hexdigest()
