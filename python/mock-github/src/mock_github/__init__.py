"""A GitHub to test against: stateful, faithful, breakable."""

from mock_github.events import Event
from mock_github.faults import Fault, FaultKind, Match
from mock_github.people import act
from mock_github.step import step
from mock_github.wire import Request, Response, request
from mock_github.world import World, empty_world

__all__ = [
    "Event",
    "Fault",
    "FaultKind",
    "Match",
    "Request",
    "Response",
    "World",
    "act",
    "empty_world",
    "request",
    "step",
]
