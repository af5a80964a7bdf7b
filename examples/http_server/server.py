"""The server under test: prints its port, then numbers the orders it is sent."""

from __future__ import annotations

import itertools
import json
import os
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

NUMBERS = itertools.count(1)


class Orders(BaseHTTPRequestHandler):
    """Answers `GET /health` and `POST /orders`."""

    def do_GET(self) -> None:
        """Say that the server is there, and which process it is."""
        self._answer({"pid": os.getpid()})

    def do_POST(self) -> None:
        """Give an order the next number."""
        self._answer({"number": next(NUMBERS)})

    def _answer(self, content: dict[str, int]) -> None:
        self.send_response(200)
        self.end_headers()
        self.wfile.write(json.dumps(content).encode())


if __name__ == "__main__":
    server = ThreadingHTTPServer(("127.0.0.1", 0), Orders)  # port 0: one that is free
    print(server.server_port, flush=True)
    server.serve_forever()
