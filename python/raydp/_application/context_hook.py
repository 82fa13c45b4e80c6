"""What happens when a program makes a ``SparkContext`` for one of our master URLs.

Separate from the application itself, which it imports on demand, because ``import raydp`` must stay light.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from raydp._spark.internals import ContextHook, install_context_hook

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from contextlib import AbstractContextManager

__all__ = ["check_other_masters", "install", "is_raydp_master"]

_checks: list[Callable[[str, Mapping[str, str]], None]] = []


def install() -> None:
    """Make ``SparkContext`` accept our master URLs; idempotent."""
    install_context_hook(ContextHook(_before, _started, _failed, _stopping, _submitted, _described, _end_if_dead))


def check_other_masters(check: Callable[[str, Mapping[str, str]], None]) -> None:
    """Have a function look at each ``SparkContext`` that is about to be made for a master that is not ours.

    Args:
        check: Gets the master URL and the settings of the context, and raises an error to refuse it.
    """
    _checks.append(check)


def is_raydp_master(url: str) -> bool:
    """Tell whether a Spark master URL is for raydp: ``ray``, ``ray:HOST:PORT`` (or ``ray://``, which is refused)."""
    return url == "ray" or url.startswith("ray:")


def _before(master: str, settings: dict[str, str]) -> dict[str, str] | None:
    if not is_raydp_master(master):
        for check in _checks:
            check(master, settings)
        return None
    from raydp._application import start

    return start.prepare(master, settings)


def _started() -> None:
    from raydp._application import start

    start.started()


def _failed(error: BaseException) -> BaseException:
    from raydp._application import end

    return end.failed_to_start(error)


def _submitted() -> Mapping[str, str]:
    from raydp._application import submitted

    return submitted.settings


def _stopping() -> AbstractContextManager[None]:
    from raydp._application import end

    return end.stopping()


def _end_if_dead() -> None:
    from raydp._application import end

    end.end_if_dead()


def _described(is_running: bool) -> tuple[str, str]:  # noqa: FBT001
    from raydp._application import description

    return description.describe_session(is_running=is_running)
