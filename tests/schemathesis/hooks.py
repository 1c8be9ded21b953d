"""Lets each request come from an address of its own: the limit on wrong keys from one address is tried elsewhere."""

from ipaddress import IPv4Address
from itertools import count

import schemathesis

addresses = count(int(IPv4Address("198.18.0.1")))


@schemathesis.hook
def before_call(context, case, kwargs):
    case.headers["X-Forwarded-For"] = str(IPv4Address(next(addresses)))
