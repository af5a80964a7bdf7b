"""The test sessions: the built wheel on every supported Python, with the newest and the lowest supported versions.

`nox -f .ci/noxfile.py` runs all sessions. Arguments after `--` are passed to pytest. With `CI_PARTS=N` in the
environment, each session runs a different part, one in N, of the tests that start processes. CI uses this because the
README's command already runs all of them on one Python.
"""

from __future__ import annotations

import itertools
import os
import re
import shutil
import sys
from pathlib import Path

import nox

ROOT = Path(__file__).resolve().parents[1]
CACHE = ROOT / ".ci-cache"
PYTHONS = ["3.10", "3.11", "3.12", "3.13", "3.14"]
# Include all versions that pyenv has installed, whichever of them is active.
_PYENV = sorted((Path.home() / ".pyenv" / "versions").glob("*/bin"))
os.environ["PATH"] = os.pathsep.join([*map(str, _PYENV), os.environ["PATH"]])

nox.options.envdir = str(CACHE / "nox")
nox.options.error_on_missing_interpreters = False
nox.options.sessions = ["newest", "pytest8", "lowest"]

_TOML = (ROOT / "pyproject.toml").read_text("utf-8")


def _requirements(name: str) -> list[str]:
    """Return a list of requirements in pyproject.toml, without tomllib, which Python 3.10 lacks."""
    found = re.search(rf"^{name} = \[\n(.*?)^\]", _TOML, re.MULTILINE | re.DOTALL)
    assert found is not None, name
    return re.findall(r'^\s*"([^"]+)"', found[1], re.MULTILINE)


_PART = itertools.count()
# Only one Python needs the packages that check and build.
_TOOLS = ("build", "hatchling", "import-linter", "mypy", "pyright", "ruff", "types-")
_TESTING = [line for line in _requirements("dev") if not line.startswith(_TOOLS)]


def _wheel(session: nox.Session) -> str:
    """Build the wheel, once for all sessions."""
    given = os.environ.get("CI_WHEEL")
    if given:
        return given
    directory = CACHE / "dist"
    shutil.rmtree(directory, ignore_errors=True)
    session.run("python", "-m", "pip", "wheel", "-q", "--no-deps", "-w", str(directory), str(ROOT), silent=True)
    [wheel] = directory.glob("*.whl")
    os.environ["CI_WHEEL"] = str(wheel)
    return str(wheel)


def _suite(session: nox.Session, *constraints: str) -> None:
    session.chdir(ROOT)
    session.install("-q", _wheel(session), *_TESTING, *constraints)
    # A reused environment would otherwise keep an older wheel of the same version.
    session.install("-q", "--no-deps", "--force-reinstall", _wheel(session))
    where = "import pytest_shared_session_scope as p, pathlib; assert 'site-packages' in p.__file__, p.__file__"
    session.run("python", "-c", where)
    installed = str(session.run("python", "-m", "pip", "list", "--format=freeze", silent=True)).splitlines()
    names = tuple(re.split("[<>=]", line)[0] for line in _requirements("dependencies"))
    session.log("with " + ", ".join(line for line in installed if line.replace("_", "-").startswith(names)))
    workers = os.environ.get("CI_WORKERS", "4")
    parts = int(os.environ.get("CI_PARTS", "1"))
    part = f"{next(_PART) % parts + 1}/{parts}"
    session.run("python", "-m", "pytest", "-q", "-n", workers, *session.posargs, env={"TEST_PART": part})


@nox.session(python=PYTHONS)
def newest(session: nox.Session) -> None:
    """Run the suite with the newest versions of everything."""
    _suite(session)


@nox.session(python="3.12")
def pytest8(session: nox.Session) -> None:
    """Run the suite with the newest pytest 8."""
    _suite(session, "pytest==8.*")


@nox.session(python="3.10")
def lowest(session: nox.Session) -> None:
    """Run the suite with the lowest versions that pyproject.toml allows."""
    _suite(session, *[line.replace(">=", "==") for line in _requirements("dependencies")])


if __name__ == "__main__":
    sys.exit("run it with nox: nox -f .ci/noxfile.py")
