"""How much a caller may ask: GitHub's primary limit by the hour, and the secondary ones on what creates content."""

from __future__ import annotations

import msgspec
from msgspec.structs import replace

from mock_github.access import Caller
from mock_github.clock import stamp
from mock_github.state import Usage
from mock_github.wire import Refused, Response
from mock_github.world import World

HOUR, MINUTE = 3_600_000, 60_000
_SECONDARY = (
    "You have exceeded a secondary rate limit. Please wait a few minutes before you try again. "
    "If you reach out to GitHub Support for help, please include the request ID."
)


class Window(msgspec.Struct, frozen=True):
    """One caller's present hour of one resource; `reset` is in seconds since 1970."""

    resource: str
    limit: int
    used: int
    reset: int

    @property
    def remaining(self) -> int:
        return max(0, self.limit - self.used)

    @property
    def reset_at(self) -> str:
        return stamp(self.reset * 1000)

    def headers(self) -> tuple[tuple[str, str], ...]:
        return (
            ("x-ratelimit-limit", str(self.limit)),
            ("x-ratelimit-remaining", str(self.remaining)),
            ("x-ratelimit-reset", str(self.reset)),
            ("x-ratelimit-used", str(self.used)),
            ("x-ratelimit-resource", self.resource),
        )


def _key(caller: Caller) -> str:
    return (caller.login or "").lower()


def usage_of(world: World, caller: Caller) -> Usage:
    """What is still counted now: an hour that is over counts nothing."""
    usage = world.usage.get(_key(caller), Usage(window_start=world.now))
    if world.now - usage.window_start >= HOUR:
        usage = replace(usage, window_start=world.now, core=0, graphql=0)
    return usage


def window(world: World, caller: Caller, resource: str) -> Window:
    usage = usage_of(world, caller)
    limit = world.limits.primary if caller.login else world.limits.anonymous
    used = usage.graphql if resource == "graphql" else usage.core
    return Window(resource, limit, min(used, limit), (usage.window_start + HOUR) // 1000)


def graphql_window(world: World, caller: Caller) -> Window:
    return window(world, caller, "graphql")


def charge(world: World, caller: Caller, resource: str) -> World:
    """Counts one request (one point); 403 if there is none left."""
    usage = usage_of(world, caller)
    if not window(world, caller, resource).remaining:
        raise Refused(403, _primary_message(caller), kind="RATE_LIMITED")
    counted = {resource: getattr(usage, resource) + 1}
    usage = replace(usage, **counted)
    return replace(world, usage=world.usage.set(_key(caller), usage))


def refund(world: World, caller: Caller) -> World:
    """Takes back one counted REST request: a 304 costs nothing."""
    usage = usage_of(world, caller)
    usage = replace(usage, core=max(0, usage.core - 1))
    return replace(world, usage=world.usage.set(_key(caller), usage))


def _primary_message(caller: Caller) -> str:
    whom = f"user ID {caller.login}" if caller.login else "this address"
    return f"API rate limit exceeded for {whom}."


def charge_content(world: World, caller: Caller, *, pull: bool) -> World:
    """Counts a request that creates content (a pull request more strictly); 403 with retry-after beyond the limit."""
    usage = usage_of(world, caller)
    created = tuple(at for at in usage.created if world.now - at < HOUR)
    pulls = tuple(at for at in usage.pulls if world.now - at < MINUTE)
    recent = sum(world.now - at < MINUTE for at in created)
    limits = world.limits
    if (
        len(created) >= limits.content_per_hour
        or recent >= limits.content_per_minute
        or (pull and len(pulls) >= limits.pulls_per_minute)
    ):
        raise Refused(403, _SECONDARY, kind="RATE_LIMITED", headers=(("retry-after", "60"),))
    usage = replace(usage, created=(*created, world.now), pulls=(*pulls, world.now) if pull else pulls)
    return replace(world, usage=world.usage.set(_key(caller), usage))


def secondary_answer(world: World, retry_after: int | None, status: int = 403) -> Response:
    """As the fault `secondary-limit` answers: with a retry-after in seconds or with none, and requests remaining."""
    given = (("retry-after", str(retry_after)),) if retry_after is not None else ()
    rest = window(world, Caller("anybody"), "core").headers()
    return Refused(status, _SECONDARY, headers=(*given, *rest)).response()


def primary_answer(
    world: World, caller: Caller, resource: str, status: int = 403, seconds: int | None = None
) -> Response:
    """As when the hour's requests are used up; the hour is over after so many seconds, if that is said."""
    now = window(world, caller, resource)
    reset = now.reset if seconds is None else world.now // 1000 + seconds
    spent = Window(resource, now.limit, now.limit, reset)
    return Refused(status, _primary_message(caller), headers=spent.headers()).response()
