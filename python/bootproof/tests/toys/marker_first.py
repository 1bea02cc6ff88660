"""Says that it is done before it is."""

import sys

from toy import STATE, opens, write

if (STATE / "marker").exists():
    sys.exit(0)
write("marker", "done")
opens()
