"""Looks, opens, looks again, and only then says that it is done."""

import sys

from toy import STATE, opens, seen, write

marker = STATE / "marker"
if marker.exists() and marker.read_text() == "done":
    sys.exit(0)
if not seen():
    opens()
if not seen():
    sys.exit(75)
write("marker", "done")
