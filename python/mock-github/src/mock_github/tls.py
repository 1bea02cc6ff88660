"""Certificates for the mock's names, from an authority made for the occasion."""

from __future__ import annotations

import datetime
import ssl
from collections.abc import Callable, Sequence

import trustme

from mock_github.faults import BadCertificate

NAMES = ("127.0.0.1", "localhost", "github.test", "api.github.test")
_ELSEWHERE = "elsewhere.invalid"
_BEGAN = datetime.datetime(2020, 1, 1, tzinfo=datetime.UTC)
_EXPIRED = datetime.datetime(2021, 1, 1, tzinfo=datetime.UTC)
VALID_SINCE, VALID_FOR = datetime.timedelta(days=30), datetime.timedelta(days=365)
"""As long as one of GitHub's, so that a client whose clock is years off does not believe it."""


class Certificates:
    """`ca_pem` is what clients must trust. `wrong` is asked at each handshake whether to show a certificate that no
    client may accept, and which."""

    def __init__(
        self,
        names: Sequence[str],
        wrong: Callable[[], BadCertificate | None],
        authority: trustme.CA | None = None,
    ) -> None:
        authority, stranger, own = authority or trustme.CA(), trustme.CA(), (*NAMES, *names)
        self.ca_pem: bytes = authority.cert_pem.bytes()
        self.context = _context(_issued(authority, *own))
        expired = authority.issue_cert(*own, not_before=_BEGAN, not_after=_EXPIRED)
        bad = {
            BadCertificate.ELSEWHERE: _context(_issued(stranger, _ELSEWHERE)),
            BadCertificate.EXPIRED: _context(expired),
            BadCertificate.OTHER_NAME: _context(_issued(authority, _ELSEWHERE)),
            BadCertificate.UNKNOWN_AUTHORITY: _context(_issued(stranger, *own)),
        }

        def choose(connection: ssl.SSLObject, _name: str | None, _context: ssl.SSLContext) -> None:
            if flaw := wrong():
                connection.context = bad[flaw]

        self.context.sni_callback = choose


def _issued(authority: trustme.CA, *names: str) -> trustme.LeafCert:
    now = datetime.datetime.now(datetime.UTC)
    return authority.issue_cert(*names, not_before=now - VALID_SINCE, not_after=now + VALID_FOR)


def _context(certificate: trustme.LeafCert) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    certificate.configure_cert(context)
    return context
