"""The network of a request, for limits. Never stored as it is."""

import ipaddress

from django.conf import settings
from django.http import HttpRequest


def network(request: HttpRequest) -> str:
    """Return the client's IP address; of IPv6 its /64 network, which is one household; "unknown" if there is none.

    With an https BASE_URL there is one proxy, which writes the last entry of X-Forwarded-For. A client may forge the others.
    """
    address = request.META.get("REMOTE_ADDR", "")
    if settings.HTTPS:
        address = request.headers.get("X-Forwarded-For", address).rsplit(",", 1)[-1].strip()
    try:
        parsed = ipaddress.ip_address(address)
    except ValueError:
        return "unknown"
    if parsed.version == 6 and parsed.ipv4_mapped:
        return str(parsed.ipv4_mapped)  # the server listens on IPv6 and IPv4
    if parsed.version == 6:
        return str(ipaddress.ip_network((parsed, 64), strict=False))
    return str(parsed)
