"""Paths that a form may redirect to."""

from django.utils.http import url_has_allowed_host_and_scheme


def is_a_path_of_ours(address: str) -> bool:
    """Return whether ``address`` is an absolute path of this site, such as ``/theatre/cart/``: no host, no scheme, not relative."""
    return address.startswith("/") and url_has_allowed_host_and_scheme(address, allowed_hosts=None)
