"""Every state that a power cut can leave a disk in, from one recorded run: put together, recovered and followed up.

`write_log` reads what was recorded, `moments` says what stood at GitHub meanwhile, `stretches` and `choices` what of it
may be on the disk; `ext4` with `journal` recovers it, `found` reads the program's files, `follow_up` hands them to the
program and judges; `checker` asks e2fsck. `campaign` is the whole.
"""
