"""A short soak test with real workers. SOAK_SECONDS changes its duration, and SOAK_SEED the first seed."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from soak.__main__ import main


@pytest.mark.skipif(not Path("/proc/self/environ").exists(), reason="a run's processes are found in /proc")
def test_random_suites_break_no_promise(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    seconds = os.environ.get("SOAK_SECONDS", "20")
    seed = os.environ.get("SOAK_SEED", "1")
    arguments = ["--runs", "100000", "--seconds", seconds, "--seed", seed, "--directory", str(tmp_path), "--jobs", "2"]
    assert main(arguments) == 0, capfd.readouterr().out
