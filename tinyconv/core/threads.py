"""Which Python threads may use the other processors for their kernels."""

from __future__ import annotations

import threading


class _ThisThread(threading.local):
    works_alone = False


_this_thread = _ThisThread()


def work_alone() -> None:
    """From now on, kernels that this Python thread launches run on it alone: it prepares data beside the training."""
    _this_thread.works_alone = True


def works_alone() -> bool:
    """Whether kernels launched by this Python thread run on it alone."""
    return _this_thread.works_alone
