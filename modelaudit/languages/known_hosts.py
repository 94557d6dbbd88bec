"""Tell the hosts that an author does not control from the others: the Hub, the own machine and private networks."""

from __future__ import annotations

import re
from ipaddress import ip_address, ip_network
from typing import Final

from modelaudit.model.lazy_pattern import defer_pattern

# The Hub itself, this machine, and names of networks that an author does not reach.
_KNOWN_HOST: Final = defer_pattern(
    r"(?:[\w-]+\.)*(?:huggingface\.co|hf\.co)|localhost|.*\.(?:local|internal|localhost)", re.IGNORECASE
)
# A name without a dot is one of the own network, such as a service of Docker Compose.
_LOCAL_NAME: Final = defer_pattern(r"[a-z_][\w-]*", re.IGNORECASE)
# RFC 5737 and RFC 3849: examples in documents stand for a server somewhere, and ``is_private`` counts them as private.
_EXAMPLES: Final = tuple(map(ip_network, ("192.0.2.0/24", "198.51.100.0/24", "203.0.113.0/24", "2001:db8::/32")))


def is_known_host(host: str) -> bool:
    """Whether a host is the Hub itself, this machine, or one of a network that an author does not reach."""
    if _KNOWN_HOST.fullmatch(host) or _LOCAL_NAME.fullmatch(host):
        return True
    try:
        # Resolvers take a whole number for an address of IPv4 too.
        address = ip_address(int(host) if host.isdecimal() else host.strip("[]"))
    except ValueError:
        return False
    if any(address in network for network in _EXAMPLES):
        return False
    return address.is_private or address.is_loopback or address.is_unspecified
