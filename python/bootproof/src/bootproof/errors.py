"""Errors of the machine half: one clear line for whoever runs the harness."""

from bootproof.verdict import HarnessError


class MachineError(HarnessError):
    """A machine, or what it is made of, did not do what was asked; the message says what to do."""


class MachineTimeoutError(MachineError):
    """Something that was waited for did not come in time; the message ends with the console's last lines."""
