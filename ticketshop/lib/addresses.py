"""Where a form or an address may lead on to."""

from django.utils.http import url_has_allowed_host_and_scheme


def is_a_path_of_ours(address: str) -> bool:
    """Whether this is a path of this site, such as ``/theatre/cart/``: no other site, no scheme, nothing relative."""
    return address.startswith("/") and url_has_allowed_host_and_scheme(address, allowed_hosts=None)
