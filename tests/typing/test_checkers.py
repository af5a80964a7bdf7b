"""Both type checkers report every expected error at its line, by its code, and no other errors."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
HERE = Path(__file__).parent
CHECKERS = {"mypy": [], "pyright": ["--pythonpath", sys.executable]}


@pytest.mark.parametrize(("checker", "options"), CHECKERS.items(), ids=list(CHECKERS))
def test_uses_are_accepted_and_refused(checker: str, options: list[str]) -> None:
    pytest.importorskip(checker, reason=f"{checker} is not installed")
    command = [sys.executable, "-m", checker, *options, str(HERE)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=240, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize(
    ("checker", "options", "expected"),
    [
        ("mypy", CHECKERS["mypy"], 'Unused "type: ignore" comment'),
        ("pyright", CHECKERS["pyright"], 'Unnecessary "# pyright: ignore" rule'),
    ],
    ids=list(CHECKERS),
)
def test_an_expected_error_that_is_not_reported_fails(
    checker: str, options: list[str], expected: str, tmp_path: Path
) -> None:
    pytest.importorskip(checker, reason=f"{checker} is not installed")
    for name in ("pyproject.toml", "mypy.ini"):
        (tmp_path / name).write_text((ROOT / name).read_text("utf-8"), "utf-8")
    module = tmp_path / "tests" / "typing" / "stale.py"
    module.parent.mkdir(parents=True)
    module.write_text("x: int = 1  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]\n", "utf-8")
    command = [sys.executable, "-m", checker, *options, str(module)]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=240, check=False)
    assert done.returncode == 1, done.stdout + done.stderr
    assert expected in done.stdout
