"""raydp's warnings on the console: lines that begin with ``raydp:``, as all of its lines do."""

from __future__ import annotations

import logging

__all__ = ["prefix_warnings"]


class _Lines(logging.Handler):
    """Prints warnings if the program has set up no logging. Python itself would print them without a prefix."""

    def emit(self, record: logging.LogRecord) -> None:
        if logging.getLogger("raydp").handlers == [self] and not logging.getLogger().handlers:
            from raydp._machine.console import tell

            tell(self.format(record))


def prefix_warnings() -> None:
    """Print the warnings of raydp's loggers with its prefix, unless the program has set up logging; idempotent."""
    logger = logging.getLogger("raydp")
    if not any(isinstance(handler, _Lines) for handler in logger.handlers):
        logger.addHandler(_Lines(logging.WARNING))
