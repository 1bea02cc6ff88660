"""QMP, the monitor of a running QEMU: commands, and the events that are the truth about resets and power-off.

The library (qemu.qmp) is asynchronous and the scenarios are not, so each monitor has a thread with an event loop.
"""

import asyncio
import contextlib
import socket
import threading
from collections.abc import Callable
from typing import Any

from qemu.qmp import EventListener, QMPClient, QMPError

from bootproof.errors import MachineError

OnEvent = Callable[[str, dict[str, Any]], None]
_ANSWER_LIMIT = 20.0  # seconds; QEMU's main loop answers in milliseconds unless the host is starved


class Monitor:
    """A connection to one QEMU. `on_event` is called from the monitor's thread, in order, for each event."""

    def __init__(self, connection: socket.socket, on_event: OnEvent) -> None:
        self._on_event = on_event
        self._client = QMPClient("bootproof")
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="qmp", daemon=True)
        self._thread.start()
        self._call(self._connect(connection))

    def execute(self, command: str, **arguments: Any) -> Any:
        """The answer to a command. Raises MachineError if QEMU refuses it or is gone."""
        try:
            return self._call(self._client.execute(command, arguments or None))
        except (TimeoutError, QMPError, OSError) as error:
            raise MachineError(f"QEMU did not do {command}: {error}") from error

    def close(self) -> None:
        """Ends the connection and the thread; QEMU itself may be alive or gone."""
        with contextlib.suppress(Exception):  # whatever it says about a QEMU that was killed
            self._call(self._disconnect())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    async def _connect(self, connection: socket.socket) -> None:
        listener = EventListener()
        self._client.register_listener(listener)
        await self._client.connect(connection)
        self._pump = asyncio.create_task(self._deliver(listener))

    async def _deliver(self, listener: EventListener) -> None:
        async for event in listener:
            data: Any = event.get("data") or {}
            self._on_event(str(event["event"]), data)

    async def _disconnect(self) -> None:
        self._pump.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await self._pump
        await self._client.disconnect()

    def _call(self, coroutine: Any) -> Any:
        return asyncio.run_coroutine_threadsafe(
            asyncio.wait_for(coroutine, _ANSWER_LIMIT), self._loop
        ).result()
