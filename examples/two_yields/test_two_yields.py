"""A fixture that yields twice: every worker runs it, the first one creates the resource, and the last one removes it.

This style suits resources that outlive the process that created them, such as a bucket, a schema or a cloud account.
Any worker can clean them up, even after the worker that created them has died.
"""

from __future__ import annotations

import dataclasses
import shutil
import tempfile
import uuid
from collections.abc import Callable
from pathlib import Path

from pytest_shared_session_scope import CleanupToken, SharedGenerator, shared_session_scope_fixture


@dataclasses.dataclass(frozen=True)
class Bucket:
    """A container for objects, implemented as a directory."""

    path: Path

    def put(self, name: str, content: str) -> None:
        """Store an object."""
        (self.path / name).write_text(content)

    def get(self, name: str) -> str:
        """Return an object."""
        return (self.path / name).read_text()


@shared_session_scope_fixture
def bucket(note: Callable[[str, str], None]) -> SharedGenerator[Bucket]:
    """The run's bucket."""
    bucket = yield None
    if bucket is None:  # no worker has created it yet
        note("set up", "bucket")
        bucket = Bucket(Path(tempfile.mkdtemp(prefix="bucket-")))
    token: CleanupToken | None = yield bucket  # this worker's tests run here
    if token is CleanupToken.LAST:  # no worker uses it any more
        shutil.rmtree(bucket.path)
        note("cleaned up", "bucket")


def test_an_object_is_kept(bucket: Bucket) -> None:
    """All workers use the same bucket, so each test gives its object a unique name."""
    name = str(uuid.uuid4())
    bucket.put(name, "content")
    assert bucket.get(name) == "content"
