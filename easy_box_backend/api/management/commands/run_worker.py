"""The worker: sends alerts, checks the ledger, prunes (api/ops/worker.py)."""

import logging
import os
import signal
import threading
from argparse import ArgumentParser
from types import FrameType
from typing import Any

from django.core.management.base import BaseCommand

from api.ops import worker


class Command(BaseCommand):
    help = "Send alerts and run the regular jobs, until a termination signal (or once)."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--once", action="store_true", help="do what is due now, then exit")

    def handle(self, *args: Any, once: bool = False, **options: Any) -> None:
        if once:
            while worker.turn():
                pass
            return
        stop = threading.Event()

        def end(_number: int, _frame: FrameType | None) -> None:
            stop.set()

        signal.signal(signal.SIGTERM, end)
        signal.signal(signal.SIGINT, end)
        if not worker.run_until(stop):
            logging.getLogger(__name__).warning("The worker was stopped during a job; its claim will expire")
            logging.shutdown()
            os._exit(0)  # a thread that hangs in a system call would keep the interpreter from exiting
