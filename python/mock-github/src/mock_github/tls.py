"""Certificates for the mock's names, from an authority made for the occasion."""

from __future__ import annotations

import datetime
import ssl
from collections.abc import Callable, Sequence

import trustme

NAMES = ("127.0.0.1", "localhost", "github.test", "api.github.test")
VALID_SINCE, VALID_FOR = datetime.timedelta(days=30), datetime.timedelta(days=365)
"""As long as one of GitHub's, so that a client whose clock is years off does not believe it."""


class Certificates:
    """`ca_pem` is what clients must trust. `wrong` is asked at each handshake whether to show a certificate that is
    neither for this name nor from this authority."""

    def __init__(
        self, names: Sequence[str], wrong: Callable[[], bool], authority: trustme.CA | None = None
    ) -> None:
        authority = authority or trustme.CA()
        self.ca_pem: bytes = authority.cert_pem.bytes()
        self.context = _context(_issued(authority, *NAMES, *names))
        other = _context(_issued(trustme.CA(), "elsewhere.invalid"))

        def choose(connection: ssl.SSLObject, _name: str | None, _context: ssl.SSLContext) -> None:
            if wrong():
                connection.context = other

        self.context.sni_callback = choose


def _issued(authority: trustme.CA, *names: str) -> trustme.LeafCert:
    now = datetime.datetime.now(datetime.UTC)
    return authority.issue_cert(*names, not_before=now - VALID_SINCE, not_after=now + VALID_FOR)


def _context(certificate: trustme.LeafCert) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    certificate.configure_cert(context)
    return context
