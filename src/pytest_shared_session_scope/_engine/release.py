"""One worker lets go of one share: it waits until the verdict is known, and does what that means to the others."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import TYPE_CHECKING

from pytest_shared_session_scope._engine.clock import Clock, pauses
from pytest_shared_session_scope._engine.decisions import Verdict, decide

if TYPE_CHECKING:
    from pytest_shared_session_scope._engine.membership import Presence
    from pytest_shared_session_scope._run.share_journal import ShareJournal


@dataclasses.dataclass
class LettingGo:
    """A holder that wants to let go.

    `only_owner_cleans` says that it owns a fixture that yields once. `is_test_left` is given where it lets go in the
    middle of the run, or adopts another share at its end, and says whether a test is left that names the share: at its
    end it need not rely on the names alone, as it comes back for what it leaves. `adopt` is called once, with the keys
    of shares that depend on this one and whose last holders died: to clean them up, if that can be done here.
    """

    files: ShareJournal
    presence: Presence
    only_owner_cleans: bool
    is_test_left: Callable[[], bool] | None
    adopt: Callable[[list[str]], None] | None = None

    def wait_for_verdict(self, clock: Clock, patience: float) -> Verdict:
        """Return LEAVE, STAY or LAST; with LAST this worker has the share's lock: who asks waits until all is clean."""
        until = clock.monotonic() + patience
        with clock.waiting():
            for pause in pauses():
                verdict = self._judge_and_release(patient=clock.monotonic() < until)
                if verdict is Verdict.ADOPT:
                    self._adopt()
                elif verdict is not Verdict.WAIT:
                    return verdict
                clock.sleep(pause)
        raise AssertionError("the pauses never end")

    def _judge_and_release(self, *, patient: bool) -> Verdict:
        verdict = Verdict.WAIT
        try:
            # Another worker that has the lock decides, or cleans up.
            if self.files.try_lock():
                verdict = self._judge(patient=patient)
        finally:
            if verdict is not Verdict.LAST:
                self.files.unlock()
        return verdict

    def _judge(self, *, patient: bool) -> Verdict:
        """Decide under the share's lock, and do what the verdict means to the other workers."""
        holders = self.presence.is_any_alive(self.files, self.files.other_holders())
        verdict = decide(
            only_owner_cleans=self.only_owner_cleans,
            holders=holders,
            may_be_asked=holders or self._may_be_asked(),
            in_run=self.is_test_left is not None,
            patient=patient,
        )
        if verdict is Verdict.LAST and not self.files.is_open():
            verdict = Verdict.LEAVE  # cleaned up by another worker, after an interrupt kept this one from it
        if verdict is Verdict.LAST and self.adopt is not None and self._unfinished_dependents():
            return Verdict.ADOPT
        if verdict is Verdict.LAST and not self._withdraw(heedless=holders):
            return Verdict.WAIT
        if verdict is Verdict.LEAVE:
            self.files.leave()
            if not holders:
                self.presence.note_unheld()
        return verdict

    def _unfinished_dependents(self) -> list[str]:
        return [key for key in self.files.dependents() if self.files.of(key).is_open()]

    def _adopt(self) -> None:
        adopt, self.adopt = self.adopt, None
        if adopt is not None:
            adopt(self._unfinished_dependents())

    def _may_be_asked(self) -> bool:
        is_at_end = self.is_test_left is None or self.presence.is_draining
        if is_at_end and self.presence.is_anybody_left():
            return True
        return self.is_test_left is not None and (self.files.may_be_needed() or self.is_test_left())

    def _withdraw(self, *, heedless: bool) -> bool:
        """Withdraw the share, unless another worker's fixture is still ending or somebody has become a holder."""
        if not heedless and self.presence.is_any_alive(self.files, self.files.leaving()):
            return False
        # Else an interrupt came after this, and it lets go once more; or a dead worker's cleanup was cut off.
        if not self.files.has("cleaning"):
            self.files.rename("ready", "cleaning")
        if not heedless and self.presence.is_any_alive(self.files, self.files.other_holders()):
            self.files.rename("cleaning", "ready")
            return False
        return True
