"""Calls ``spark-submit`` without showing an application's settings to the other users of the machine.

Everyone can read the arguments of a process. Settings can contain passwords, so they travel in a file without a name
(``memfd``), which ``spark-submit`` inherits, opens as its ``--properties-file``, and whose memory ends with it.
"""

from __future__ import annotations

import contextlib
import os
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from raydp._machine import installation as _installation
from raydp._machine.home import has_name
from raydp.errors import InvalidArgumentError, MissingRequirementError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

__all__ = ["SparkSubmit", "conf_directory", "format_settings", "spark_submit"]

# raydp sets the master itself, and sends the secret over Py4J.
_KEYS_LEFT_OUT = frozenset({"spark.master", "spark.authenticate.secret"})
_PROPERTIES_FILE = "--properties-file"
_CONF = ("--conf", "-c")
_FLAGS = ("--help", "-h", "--load-spark-defaults", "--supervise", "--usage-error", "--verbose", "-v", "--version")
# The format of java.util.Properties.
_IN_VALUES = str.maketrans({"\\": "\\\\", "\n": "\\n", "\r": "\\r", "\t": "\\t", "\f": "\\f"})
_IN_KEYS = _IN_VALUES | str.maketrans({" ": "\\ ", ":": "\\:", "=": "\\=", "#": "\\#", "!": "\\!"})


class SparkSubmit(NamedTuple):
    """A call of ``spark-submit``.

    Attributes:
        command: The command. It must be started with ``pass_fds=[descriptor]``.
        descriptor: The file of settings.
    """

    command: list[str]
    descriptor: int


@contextlib.contextmanager
def spark_submit(settings: Mapping[str, str], arguments: Sequence[str]) -> Iterator[SparkSubmit]:
    """Prepare a call of ``spark-submit``. The context must last until Spark has read its settings.

    Args:
        settings: Settings of the application. They override those of a properties file.
        arguments: Options and arguments, as for ``spark-submit``. Their ``--conf`` overrides ``settings``. Without
            ``--properties-file``, ``spark-defaults.conf`` counts, as usual.

    Raises:
        InvalidArgumentError: The properties file cannot be read.
        MissingRequirementError: This user has no name, which ``spark-submit`` needs.
    """
    if not has_name():
        raise MissingRequirementError(
            "This user has no entry in the password file, and spark-submit needs one for packages, extra jars and "
            "files, spark-defaults.conf, and applications in jars. Add an entry to /etc/passwd when the container "
            "starts, or run it as a user that has one. "
            f"User id: {os.geteuid()}"
        )
    others, given, properties_file = _split_arguments(arguments)
    defaults = conf_directory() / "spark-defaults.conf"
    parts = []
    if properties_file is not None:
        parts.append(_read(Path(properties_file)))
    elif defaults.is_file():
        parts.append(_read(defaults))
    ours = {key: value for key, value in settings.items() if key not in _KEYS_LEFT_OUT}
    parts.append(format_settings({**ours, **given}))
    descriptor = os.memfd_create("raydp-settings")
    try:
        # Of two lines with the same key, the later one counts. The empty line ends an unfinished one.
        with os.fdopen(os.dup(descriptor), "w", encoding="utf-8") as file:
            file.write("\n\n".join(parts) + "\n")
        command = [
            str(_installation.spark_home() / "bin" / "spark-submit"),
            *(_PROPERTIES_FILE, f"/proc/self/fd/{descriptor}"),
            *others,
        ]
        yield SparkSubmit(command, descriptor)
    finally:
        os.close(descriptor)


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise InvalidArgumentError(
            "The file of Spark settings cannot be read. Check its path and permissions, and save it as UTF-8. "
            f"File: {path}; error: {error}"
        ) from error


def format_settings(settings: Mapping[str, str]) -> str:
    """Return settings as the lines of a properties file."""
    return "\n".join(map(_format, settings.items()))


def _format(setting: tuple[str, str]) -> str:
    key, value = setting[0].translate(_IN_KEYS), setting[1].translate(_IN_VALUES)
    return f"{key}=\\{value}" if value.startswith(" ") else f"{key}={value}"


def conf_directory() -> Path:
    """Return the folder of Spark's configuration files. It need not exist."""
    return Path(os.environ.get("SPARK_CONF_DIR", _installation.spark_home() / "conf"))


def _split_arguments(arguments: Sequence[str]) -> tuple[list[str], dict[str, str], str | None]:
    """Return the arguments without settings, the settings of ``--conf``, and the name of the properties file."""
    others: list[str] = []
    settings: dict[str, str] = {}
    properties_file = None
    left = list(arguments)
    while left and left[0].startswith("-"):
        name, separator, value = left.pop(0).partition("=")
        if name not in (*_CONF, _PROPERTIES_FILE) or not (separator or left):
            others.append(f"{name}{separator}{value}")
            if left and not separator and name not in _FLAGS:
                others.append(left.pop(0))
            continue
        value = value if separator else left.pop(0)
        if name == _PROPERTIES_FILE:
            properties_file = value
        else:
            key, _, setting = value.partition("=")
            settings[key] = setting
    return [*others, *left], settings, properties_file
