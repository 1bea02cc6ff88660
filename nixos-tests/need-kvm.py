"""Fails, with the reason, where machines would be emulated: that takes hours, and somebody asked for KVM."""

from __future__ import annotations

import sys

from bootproof.accelerator import Kind, probe

found = probe()
if found.kind is not Kind.KVM:
    sys.exit(f"the machine tests need a KVM that works: {found.reason}")
