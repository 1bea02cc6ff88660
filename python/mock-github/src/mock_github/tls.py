"""Certificates for the mock's names, from an authority made for the occasion."""

from __future__ import annotations

import ssl
from collections.abc import Callable, Sequence

import trustme

NAMES = ("127.0.0.1", "localhost", "github.test", "api.github.test")


class Certificates:
    """`ca_pem` is what clients must trust. `wrong` is asked at each handshake whether to show a certificate that is
    neither for this name nor from this authority."""

    def __init__(
        self, names: Sequence[str], wrong: Callable[[], bool], authority: trustme.CA | None = None
    ) -> None:
        authority = authority or trustme.CA()
        self.ca_pem: bytes = authority.cert_pem.bytes()
        self.context = _context(authority.issue_cert(*NAMES, *names))
        other = _context(trustme.CA().issue_cert("elsewhere.invalid"))

        def choose(connection: ssl.SSLObject, _name: str | None, _context: ssl.SSLContext) -> None:
            if wrong():
                connection.context = other

        self.context.sni_callback = choose


def _context(certificate: trustme.LeafCert) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    certificate.configure_cert(context)
    return context
