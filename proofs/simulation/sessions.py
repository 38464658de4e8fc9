"""Sessions: a running server on which schedules are played one after the other."""

from __future__ import annotations

import signal
import sys
from typing import Protocol

from proofs.simulation import scene
from proofs.simulation.crowd import Crowd
from proofs.simulation.plan import Plan
from proofs.simulation.schedule import Result, Stage


class Session(Protocol):
    """Plays plans, each from the same start."""

    def play(self, plan: Plan) -> Result:
        """Play a plan; returns its result."""

    def close(self) -> None:
        """Stop everything that was started."""


class InProcessSession:
    """Plays on SQLite without a network, see inprocess.py. Only one per process."""

    def __init__(self) -> None:
        from proofs.simulation.inprocess import InProcessServer

        self.server = InProcessServer(scene.EMAIL, scene.PASSWORD)
        scene.make_accounts(self.server)
        self.scene = scene.make_scene(self.server, "S-")
        self.server.keep()

    def play(self, plan: Plan) -> Result:
        self.server.restore(f"{plan.seed} {plan.number}")
        return Stage(plan, self.scene, self.server).play()

    def close(self) -> None:
        self.server.close()


class RealSession:
    """Plays on gunicorn and PostgreSQL, see real.py. Schedules share them; each has its own SKUs and logins."""

    def __init__(self) -> None:
        from proofs.simulation.real import RealServer

        self.server = RealServer()
        scene.make_accounts(self.server)
        self._played = 0

    def play(self, plan: Plan) -> Result:
        self._played += 1
        self.server.reseed(f"{plan.seed} {plan.number}")
        new_scene = scene.make_scene(self.server, f"s{self._played}-")
        result = Stage(plan, new_scene, self.server).play()
        result.violations += Crowd(self.server, new_scene).rush()
        scene.clear_away(self.server, new_scene)
        return result

    def close(self) -> None:
        self.server.close()


def end_on_request() -> None:
    """Turn a termination signal into an exception, so that context managers and `finally` clean up."""
    signal.signal(signal.SIGTERM, lambda number, _frame: sys.exit(128 + number))


def open_session(kind: str) -> Session:
    """A session of `kind`: ``inprocess`` or ``real``."""
    return InProcessSession() if kind == "inprocess" else RealSession()
