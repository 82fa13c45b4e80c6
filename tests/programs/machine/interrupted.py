"""A program of machine/test_interrupts.py: Ctrl-C comes while a library waits.

With the argument "lost", the library loses a connection on its way out; with "mistake", the program has a mistake.
"""

import logging
import signal
import sys

from raydp._machine.interrupts import shorten_interrupts


def wait() -> None:
    try:
        signal.raise_signal(signal.SIGINT)
    except KeyboardInterrupt:
        logging.exception("KeyboardInterrupt while sending command.")
        logging.getLogger("py4j.clientserver").exception("Exception occurred while shutting down connection")
        if sys.argv[1:] == ["lost"]:
            raise ConnectionError("the JVM is gone") from None
        if sys.argv[1:] == ["mistake"]:
            raise ValueError("of the program") from None
        raise


shorten_interrupts((ConnectionError,))
shorten_interrupts((ConnectionError,))
wait()
