"""``raydp-submit``: runs a complete Spark application, in Python, Scala or Java, on a Ray cluster.

``options`` parses the command line; ``python_application`` and ``jvm_application`` run the application.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["main"]


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; return the application's exit code, or 2 if the command line is wrong."""
    from raydp._ray.cluster import gcs_address
    from raydp._submission.options import parse
    from raydp.errors import RaydpError

    submission = parse(arguments)
    try:
        gcs_address(submission.master)
        if submission.is_python:
            from raydp._submission import python_application

            return python_application.run(submission)
        from raydp._submission import jvm_application

        return jvm_application.run(submission)
    except RaydpError as error:
        print(f"raydp-submit: {error}", file=sys.stderr)
        return 1
