"""As in_place, but renames its note into its place, and does not sync it."""

import sys

from toy import STATE, opens, seen, write

note = STATE / "note"
if note.exists() and note.read_text() != "trying":
    sys.exit(0)
write("note", "trying", sync=False)
if not seen():
    opens()
write("note", "done", sync=False)
