"""The installed agent with one mistake put in, each of them one that such a program has really had.

usage: python spoiled.py NAME ARGUMENT …    runs zeta-self-register so, as a process
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any
from unittest import mock

from bootproof.simulation import agents
from zeta_self_register import cli
from zeta_self_register.commands import common


class Port:
    """An effects port that hands everything on."""

    def __init__(self, port: Any, agent: agents.Agent, marker: str) -> None:
        self._port, self._agent, self._marker = port, agent, marker

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
        self._port.write(f"{self._marker}.new", json.dumps(marker).encode(), 0o644)
        self._port.sync(f"{self._marker}.new")
        self._port.rename(f"{self._marker}.new", self._marker)


class Spoiled:
    """The installed agent upon another port."""

    def __init__(self, name: str, port: Callable[[Any, agents.Agent, str], Port]) -> None:
        self._name, self._agent, self._spoilt = name, agents.load(None), port

    def __getattr__(self, name: str) -> Any:
        return getattr(self._agent, name)

    def run(self, port: Any, command: str) -> agents.Outcome:
        return self._agent.run(self._spoilt(port, self._agent, self._agent.marker), command)

    @property
    def program(self) -> Mapping[str, Any]:
        """This file, where the agent's own module is run."""
        said = self._agent.program
        words = said["command"]
        own = ("{python}", str(Path(__file__).resolve()), self._name, *words[words.index("--settings") :])
        marker = "{state}/zeta-self-register/registered.json"
        return {**said, "command": own, "environment": {"MARKER": marker}}

    def as_process(self, arguments: list[str]) -> int:
        """One run upon the machine that this process is on."""
        real = common.Production

        def spoilt(*arguments: Any) -> Port:
            return self._spoilt(real(*arguments), self._agent, os.environ["MARKER"])

        with mock.patch.object(common, "Production", spoilt):
            return cli.run(arguments, os.environ)


NOTHING_IS_NOTED = Spoiled("NOTHING_IS_NOTED", NothingIsNoted)
SILENCE_IS_SUCCESS = Spoiled("SILENCE_IS_SUCCESS", SilenceIsSuccess)

if __name__ == "__main__":
    sys.exit(globals()[sys.argv[1]].as_process(sys.argv[2:]))
