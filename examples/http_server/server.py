"""The server under test. It prints its port, then numbers the orders that it receives."""

from __future__ import annotations

import itertools
import json
import os
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

NUMBERS = itertools.count(1)


class Orders(BaseHTTPRequestHandler):
    """The handler of `GET /health` and `POST /orders`."""

    def do_GET(self) -> None:
        """Report that the server is running, with its process id."""
        self._answer({"pid": os.getpid()})

    def do_POST(self) -> None:
        """Assign the next number to an order."""
        self._answer({"number": next(NUMBERS)})

    def _answer(self, content: dict[str, int]) -> None:
        self.send_response(200)
        self.end_headers()
        self.wfile.write(json.dumps(content).encode())


if __name__ == "__main__":
    server = ThreadingHTTPServer(("127.0.0.1", 0), Orders)  # port 0: the system picks a free one
    print(server.server_port, flush=True)
    server.serve_forever()
