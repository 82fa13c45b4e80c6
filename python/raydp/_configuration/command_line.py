"""A parser of command lines that says which option was meant, and prints its help if nothing was given."""

from __future__ import annotations

import argparse
import re
import sys
from typing import TYPE_CHECKING, NoReturn

from raydp._configuration.suggestions import did_you_mean

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

__all__ = ["CommandLine"]

_UNKNOWN = re.compile(r"unrecognized arguments: (.*)", re.DOTALL)
_NOT_A_CHOICE = re.compile(r"invalid choice: '([^']*)'")


class CommandLine(argparse.ArgumentParser):
    """Python's parser with these two additions."""

    def parse(self, arguments: Sequence[str] | None) -> argparse.Namespace:
        """Parse arguments, those of this process by default. Without any, or with ``help``, print the help and exit.

        Without any, the exit code is 2, and the last line says what is missing.
        """
        words = sys.argv[1:] if arguments is None else list(arguments)
        if not words:
            self.print_help()
        return self.parse_args(["--help"] if words == ["help"] else words)

    def error(self, message: str) -> NoReturn:
        """Print the message with what was meant, and exit with code 2."""
        hints = "".join(did_you_mean(word, known) for word, known in self._unknown(message))
        super().error(f"{message}. {hints.strip()}" if hints else message)

    def _unknown(self, message: str) -> Iterator[tuple[str, list[str]]]:
        """Yield the words in a message of the parser that it does not know, and those that could stand there."""
        options = list(self.options())
        if found := _UNKNOWN.search(message):
            for word in found[1].split():
                if word.startswith("-"):
                    yield word.partition("=")[0], options
        if found := _NOT_A_CHOICE.search(message):
            yield found[1], [str(choice) for action in self._actions for choice in action.choices or ()]

    def options(self) -> Iterator[str]:
        """Yield the options of this parser and of its commands."""
        for action in self._actions:
            yield from action.option_strings
            for command in action.choices.values() if isinstance(action.choices, dict) else ():
                yield from command.options()
