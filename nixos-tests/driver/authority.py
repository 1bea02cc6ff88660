"""authority.py FOLDER: a certificate authority: `authority.pem` with its key, `ca.pem` without."""

from __future__ import annotations

import sys
from pathlib import Path

import trustme

made, folder = trustme.CA(), Path(sys.argv[1])
(folder / "ca.pem").write_bytes(made.cert_pem.bytes())
(folder / "authority.pem").write_bytes(made.private_key_pem.bytes() + made.cert_pem.bytes())
