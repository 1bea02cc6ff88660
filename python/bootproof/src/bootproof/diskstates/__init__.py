"""Every state that a power cut can leave a disk in, from one recorded run: put together, recovered and followed up.

`write_log` reads what was recorded, `moments` says what stood at GitHub meanwhile, `stretches` and `choices` what of it
may be on the disk. `recovery` is what comes up of that at the next boot: `by_hand` recovers ext4 (`ext4`, `journal`,
and `checker`, which asks e2fsck), `by_kernel` has btrfs and XFS mounted (`mounted`, `mounts`). `found` is the
program's files, and `follow_up` hands them to the program and judges. `campaign` is the whole. `written_last` asks the
same states another question: whether a file that is written last of all may be believed.
"""
