"""Takes another way each time: kill points of one run are not those of the next."""

import os
import sys

from toy import STATE, opens, seen

(STATE / f"trace-{os.getpid()}").write_text("x")
if not seen():
    opens()
sys.exit(0)
