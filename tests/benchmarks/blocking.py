"""Blocking HTTP to the simulator: the predecessor's way of asking, and the bench's own way to fetch what it decodes."""

import gzip
import http.client
import json
import threading
from typing import Any, Final

_TIMEOUT_S: Final = 30.0


class BlockingClient:
    """One kept-alive connection a thread.

    Args:
        address: host:port.
        key: of the provider.
    """

    def __init__(self, address: str, key: str) -> None:
        self._address = address
        self._headers = {"Authorization": f"Bearer {key}", "Accept-Encoding": "gzip"}
        self._mine = threading.local()
        self._all: list[http.client.HTTPConnection] = []

    def get(self, target: str) -> bytes:
        """Return the body of an answer, gzipped.

        Raises:
            OSError: the simulator cannot be reached, or did not answer 200.
        """
        connection = self._connection()
        connection.request("GET", target, headers=self._headers)
        answer = connection.getresponse()
        body = answer.read()
        if answer.status != http.client.OK:
            raise OSError(f"the simulator answered {answer.status} to {target}")
        return body if answer.getheader("Content-Encoding") == "gzip" else gzip.compress(body, 1)

    def get_json(self, target: str) -> Any:
        """Return an answer, read by the standard library."""
        return json.loads(gzip.decompress(self.get(target)))

    def close(self) -> None:
        """Close the connections of all threads."""
        for connection in self._all:
            connection.close()

    def _connection(self) -> http.client.HTTPConnection:
        if not hasattr(self._mine, "connection"):
            host, _, port = self._address.rpartition(":")
            self._mine.connection = http.client.HTTPConnection(host, int(port), timeout=_TIMEOUT_S)
            self._all.append(self._mine.connection)
        connection: http.client.HTTPConnection = self._mine.connection
        return connection
