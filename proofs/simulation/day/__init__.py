"""A day of a small warehouse, played in memory: people with the installed app, a bad network, and a reader."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[3] / "easy_box_backend"))  # its modules read as the server does
