"""Who is inside of one of the locks of `shared_lock`: a note on disk, for who waits for it too long."""

from __future__ import annotations

import contextlib
import dataclasses
import json
import os
import time
from pathlib import Path
from typing import Any


@dataclasses.dataclass(frozen=True)
class Note:
    """The note of one lock, as one worker writes and reads it."""

    path: Path
    worker: str

    def write(self) -> None:
        """Note that this worker has the lock. It is for a message alone: a full disk is no reason not to go on."""
        held = {"worker": self.worker, "since": time.time(), "test": os.environ.get("PYTEST_CURRENT_TEST", "")}
        with contextlib.suppress(OSError):
            descriptor = os.open(self.path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
            with open(descriptor, "w", encoding="utf-8", errors="surrogatepass") as file:
                json.dump(held, file)

    def remove(self) -> None:
        """Take it back."""
        with contextlib.suppress(OSError):
            self.path.unlink()

    def told(self, waited: float) -> str:
        """Return what to tell this worker, which waited so many seconds for the lock."""
        begin = f"worker {self.worker} waited {waited:g} s for it"
        cure = "raise timeout= or look at what is done under the lock"
        try:
            held: dict[str, Any] = json.loads(self.path.read_text("utf-8", "surrogatepass"))
        except (OSError, ValueError):  # it changes hands just now
            return f"{begin}: another worker has it; {cure}"
        since = f"for {max(time.time() - held['since'], 0.0):.1f} s, since {held['test']}"
        if held["worker"] == self.worker:
            return f"{begin}, and has held it itself {since}; it can be entered once at a time: leave it first"
        return f"{begin}: worker {held['worker']} has held it {since}; {cure}"
