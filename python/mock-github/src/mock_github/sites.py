"""Addresses: where the things that answers speak of can be found."""

from __future__ import annotations

import msgspec

from mock_github.wire import Request


class Site(msgspec.Struct, frozen=True):
    """The roots of all addresses: `api` of REST, `html` of pages and of git."""

    api: str
    html: str


def site_of(request: Request) -> Site:
    """From the host that the client asked, so that links lead back to this server whatever it is called."""
    host = request.header("host") or "api.github.com"
    scheme = request.header("x-forwarded-proto") or "https"
    pages = host.removeprefix("api.")
    prefix = "/api/v3" if request.path.startswith("/api/v3/") else ""
    return Site(f"{scheme}://{host}{prefix}", f"{scheme}://{pages}")
