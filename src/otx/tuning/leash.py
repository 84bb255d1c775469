"""Runs `otx` for as long as the process that started it lives: `python -m otx.tuning.leash VERB ...`.

A search that is killed must not leave a training behind, which the next search would go on with at the same time.
"""

from __future__ import annotations

import os
import runpy
import threading


def _end_with_parent() -> None:
    os.read(0, 1)  # nobody writes to it: it returns when the other end is closed
    os._exit(1)


if __name__ == "__main__":
    threading.Thread(target=_end_with_parent, daemon=True).start()
    runpy.run_module("otx", run_name="__main__")
