"""A program of machine/test_interrupts.py: Ctrl-C comes while Python runs finalizers; a wait follows."""

import os
import signal
import threading
import weakref
from collections.abc import Callable

from raydp._machine.interrupts import keep_interrupts


def interrupt(_: object = None) -> None:
    os.kill(os.getpid(), signal.SIGINT)


class WithFinalizer:
    def __del__(self) -> None:
        interrupt()


class Plain:
    pass


def drop_with_finalizer() -> None:
    WithFinalizer()


def drop_with_callback() -> None:
    plain = Plain()
    kept.append(weakref.ref(plain, interrupt))
    del plain


kept: list[object] = []
drops: tuple[Callable[[], None], ...] = (drop_with_finalizer, drop_with_callback)
keep_interrupts()
keep_interrupts()
for drop in drops:
    try:
        drop()
        print("lost for now", flush=True)
        threading.Event().wait()
    except KeyboardInterrupt:
        print("interrupted", flush=True)
