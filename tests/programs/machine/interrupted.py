"""A program of machine/test_shortened_interrupts.py: Ctrl-C comes while a library waits."""

import logging
import signal

from raydp._machine.interrupts import shorten_interrupts


def wait() -> None:
    try:
        signal.raise_signal(signal.SIGINT)
    except KeyboardInterrupt:
        logging.exception("KeyboardInterrupt while sending command.")
        raise


shorten_interrupts()
shorten_interrupts()
wait()
