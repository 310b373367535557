"""The demo provider as a server that starts and stops.

Nothing heavy is imported before it starts: whoever only names it pays next to nothing.
"""

from __future__ import annotations

from types import TracebackType
from typing import TYPE_CHECKING

from llmctl.errors import ConfigError

if TYPE_CHECKING:
    import threading

    from llmctl.demo.handler import Listener


class DemoServer:
    """A deterministic OpenAI-compatible provider on a loopback port.

    `pace` is the number of seconds between the pieces of a stream, `delay` how long demo-slow
    takes to begin. The headers `x-demo-pace` and `x-demo-delay` override them for one request.
    """

    def __init__(self, host: str = "127.0.0.1", port: int = 0, pace: float = 0.0, delay: float = 3.0) -> None:
        self.host = host
        self.port = port
        self.pace = pace
        self.delay = delay
        self._listener: Listener | None = None
        self._thread: threading.Thread | None = None

    @property
    def base_url(self) -> str:
        """What a client is given, such as http://127.0.0.1:8123/v1. Only known once it listens."""
        if self._listener is None:
            raise RuntimeError("the demo server has not been started")
        host = {"0.0.0.0": "127.0.0.1", "": "127.0.0.1", "::": "::1"}.get(self.host, self.host)  # noqa: S104
        host = f"[{host}]" if ":" in host else host
        return f"http://{host}:{self._listener.server_address[1]}/v1"

    def start(self) -> None:
        """Serve on a daemon thread; returns when connections are accepted."""
        if self._listener is not None:
            return
        import threading

        self._listener = self._listen()
        # Polling is how socketserver notices a shutdown; twenty times a second costs next to nothing.
        self._thread = threading.Thread(target=self._listener.serve_forever, args=(0.05,), daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Stop listening and hang up on everybody. Safe to call twice, and from any thread."""
        listener, self._listener = self._listener, None
        if listener is not None:
            listener.close()

    def serve_forever(self) -> None:
        """Serve until Ctrl-C, or until `stop()` is called from another thread."""
        try:
            self.start()
            thread = self._thread
            # A join without an end can't be interrupted on Windows.
            while thread is not None and thread.is_alive():
                thread.join(1)
        except KeyboardInterrupt:
            pass
        finally:
            self.stop()

    def _listen(self) -> Listener:
        from llmctl.demo.handler import Listener

        try:
            return Listener(self.host, self.port, self.pace, self.delay)
        except (OSError, OverflowError) as error:
            reason = error.strerror if isinstance(error, OSError) else "no such port"
            raise ConfigError(
                f"The demo provider can't listen on {self.host}:{self.port}: {reason}.",
                hint="choose another port, or 0 for any free one",
            ) from error

    def __enter__(self) -> DemoServer:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()
