"""The execution of one plan: write its suite, start pytest, send signals, and look for leftovers."""

from __future__ import annotations

import contextlib
import dataclasses
import os
import re
import shutil
import signal
import subprocess
import sys
import time
import uuid
from pathlib import Path
from typing import Final

from . import plan as plans
from . import suite
from .history import History, parse
from .judge import Outcome, Violation, judge
from .plan import Plan

# In seconds: the time within which all processes must exit after the run, and a limit far beyond any run here.
GRACE: Final = 10.0
TIMEOUT: Final = 60.0
_MARK: Final = "SOAK_RUN"
_SIGNALS: Final = {
    "interrupt group": signal.SIGINT,
    "interrupt": signal.SIGINT,
    "terminate": signal.SIGTERM,
    "kill": signal.SIGKILL,
}


@dataclasses.dataclass(frozen=True)
class Result:
    """One run with its violations. `seconds` is its duration."""

    plan: Plan
    directory: Path
    seconds: float
    kills: int
    violations: list[Violation]


def run(plan: Plan, parent: Path, timeout: float = TIMEOUT, grace: float = GRACE) -> Result:
    """Run a plan in its own directory inside `parent`, and judge it."""
    directory = parent / f"{plan.scenario.replace(' ', '-')}-{plan.seed}"
    _write(plan, directory)
    begun = time.monotonic()
    outcome = _Watch(plan, directory, timeout, grace).outcome()
    seconds = time.monotonic() - begun
    history = History(parse(_text(directory / "log.jsonl")))
    violations = judge(history, plan, outcome)
    (directory / "outcome.txt").write_text(repr(dataclasses.replace(outcome, output="")), "utf-8")
    (directory / "violations.txt").write_text("\n".join(map(str, violations)), "utf-8")
    return Result(plan, directory, seconds, len(history.named("die")), violations)


def judge_again(directory: Path) -> list[Violation]:
    """Judge a run again from its kept directory."""
    outcome: Outcome = eval(_text(directory / "outcome.txt"), {"Outcome": Outcome})
    outcome = dataclasses.replace(outcome, output=_text(directory / "output.txt"))
    plan = plans.loads(_text(directory / "plan.json"))
    return judge(History(parse(_text(directory / "log.jsonl"))), plan, outcome)


def _write(plan: Plan, directory: Path) -> None:
    shutil.rmtree(directory, ignore_errors=True)
    directory.mkdir(parents=True)
    files = {"plan.json": plans.dumps(plan), "pytest.ini": "[pytest]\n", "conftest.py": suite.conftest(plan)}
    files |= {f"{name}.py": text for name, text in suite.modules(plan).items()}
    for name, text in files.items():
        (directory / name).write_text(text, "utf-8")
    for name in ("in_suite.py", "xdist_fixes.py"):
        shutil.copy(Path(__file__).with_name(name), directory)


def _text(path: Path) -> str:
    return path.read_text("utf-8", "replace") if path.exists() else ""


class _Watch:
    """An observer of one pytest process and its workers, from outside."""

    def __init__(self, plan: Plan, directory: Path, timeout: float, grace: float) -> None:
        self._plan = plan
        self._directory = directory
        self._timeout = timeout
        self._grace = grace
        self._id = uuid.uuid4().hex
        self._is_signalled = False

    def outcome(self) -> Outcome:
        """Run to the end, or until the timeout, and return the outcome."""
        with (self._directory / "output.txt").open("wb") as output:
            process = subprocess.Popen(
                suite.command(self._plan, str(self._directory / "base")),
                cwd=self._directory,
                env=self._environment(),
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
            is_hanging = not self._wait(process)
        if is_hanging:
            self._dump()
            self._kill_all()
        process.wait()
        processes = self._leftover_processes()
        text = _text(self._directory / "output.txt")
        reported = re.findall(r"^ *not cleaned up: .*", text, re.MULTILINE)
        if self._is_signalled and self._plan.signal in ("kill", "terminate"):
            reported += re.findall(r"^an earlier run: (not cleaned up: .*)", self._next_run(), re.MULTILINE)
        return Outcome(
            output=text,
            reported=tuple(reported),
            is_hanging=is_hanging,
            processes=tuple(processes),
            files=tuple(self._files()),
            is_signalled=self._is_signalled,
        )

    def _next_run(self) -> str:
        """Return the output of a second run, which reports the leftovers of a killed controller and removes its files."""
        done = subprocess.run(
            suite.next_command(str(self._directory / "next")),
            cwd=self._directory,
            env=self._environment(),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=self._timeout,
            check=False,
        )
        (self._directory / "next.txt").write_text(done.stdout + done.stderr, "utf-8")
        return done.stdout

    def _environment(self) -> dict[str, str]:
        names = ("PYTEST_", "COV_", "SOAK_")
        environment = {name: value for name, value in os.environ.items() if not name.startswith(names)}
        path = os.pathsep.join(filter(None, (str(self._directory), environment.get("PYTHONPATH"))))
        # Load only the plugins that the suite needs: other installed plugins must not affect the result.
        given = {"PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1", "PYTHONPATH": path, _MARK: self._id}
        return environment | given

    def _wait(self, process: subprocess.Popen[bytes]) -> bool:
        """Wait for the end of the run and send the planned signal. Returns False after the timeout."""
        until = time.monotonic() + self._timeout
        while time.monotonic() < until:
            try:
                process.wait(0.01 if self._plan.signal and not self._is_signalled else 0.05)
            except subprocess.TimeoutExpired:
                self._perhaps_signal(process)
            else:
                return True
        return False

    def _perhaps_signal(self, process: subprocess.Popen[bytes]) -> None:
        if not self._plan.signal or self._is_signalled:
            return
        if _text(self._directory / "log.jsonl").count("\n") >= self._plan.signal_after:
            self._is_signalled = True
            send = os.killpg if self._plan.signal == "interrupt group" else os.kill
            send(process.pid, _SIGNALS[self._plan.signal])

    def _pids(self) -> list[int]:
        """Return the processes of the run, recognized by a mark in their environment."""
        mark = f"{_MARK}={self._id}".encode()
        found = []
        for path in Path("/proc").glob("[0-9]*/environ"):
            # The process may have exited, or belong to another user.
            with contextlib.suppress(OSError):
                if mark in path.read_bytes():
                    found.append(int(path.parent.name))
        return found

    def _leftover_processes(self) -> list[str]:
        """Kill the processes that remain after the grace period, and return their commands."""
        until = time.monotonic() + self._grace
        while pids := self._pids():
            if time.monotonic() > until:
                self._dump()
                commands = [f"{pid}: {_text(Path(f'/proc/{pid}/cmdline'))[:80]!r}" for pid in pids]
                self._kill_all()
                return commands
            time.sleep(0.02)
        return []

    def _dump(self) -> None:
        py_spy = shutil.which("py-spy", path=str(Path(sys.executable).parent)) or shutil.which("py-spy")
        for pid in self._pids() if py_spy else ():
            with (self._directory / f"stack-{pid}.txt").open("wb") as file:
                subprocess.run(
                    [py_spy or "", "dump", "--pid", str(pid)], stdout=file, stderr=file, timeout=30, check=False
                )

    def _kill_all(self) -> None:
        for pid in self._pids():
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)

    def _files(self) -> list[str]:
        base = self._directory / "base"
        return sorted(str(path.relative_to(base)) for path in base.glob("shared-session-scope/**/*") if path.is_file())
