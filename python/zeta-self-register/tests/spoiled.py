"""The installed agent with one mistake put in, each of them one that such a program has really had."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from bootproof.simulation import agents


class Port:
    """An effects port that hands everything on."""

    def __init__(self, port: Any, agent: agents.Agent) -> None:
        self._port, self._agent = port, agent

    def __getattr__(self, name: str) -> Any:
        return getattr(self._port, name)


class NothingIsNoted(Port):
    """Remembers no attempt, and so does not know that a request of its own may still be on its way."""

    def write(self, path: str, content: bytes, mode: int) -> None:
        if "attempt.json" not in path:
            self._port.write(path, content, mode)

    def sync(self, path: str) -> None:
        if "attempt.json" not in path:
            self._port.sync(path)

    def rename(self, source: str, target: str) -> None:
        if "attempt.json" not in target:
            self._port.rename(source, target)


class SilenceIsSuccess(Port):
    """Takes a request that nobody answered for one that did its work, and notes it."""

    def github(self, request: Any) -> Any:
        try:
            return self._port.github(request)
        except self._agent.errors["no-answer"]:
            if request.method == "POST" and request.url.endswith("/pulls"):
                self._note()
            raise

    def _note(self) -> None:
        marker = {"state": "pr-open", "pull_request": {"number": 1}}
        self._port.write(f"{self._agent.marker}.new", json.dumps(marker).encode(), 0o644)
        self._port.sync(f"{self._agent.marker}.new")
        self._port.rename(f"{self._agent.marker}.new", self._agent.marker)


class Spoiled:
    """The installed agent upon another port."""

    def __init__(self, port: Callable[[Any, agents.Agent], Port]) -> None:
        self._agent, self._spoilt = agents.load(None), port

    def __getattr__(self, name: str) -> Any:
        return getattr(self._agent, name)

    def run(self, port: Any, command: str) -> agents.Outcome:
        return self._agent.run(self._spoilt(port, self._agent), command)


NOTHING_IS_NOTED = Spoiled(NothingIsNoted)
SILENCE_IS_SUCCESS = Spoiled(SilenceIsSuccess)
