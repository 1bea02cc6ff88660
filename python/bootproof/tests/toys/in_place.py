"""Writes its note in place, and takes every note but an unfinished one for done."""

import sys

from toy import STATE, opens, seen

note = STATE / "note"
if note.exists() and note.read_text() != "trying":
    sys.exit(0)
note.write_text("trying")
if not seen():
    opens()
note.write_text("done")
