"""DataFrames to Ray Datasets and back, through shared memory.

:class:`~.exchange.Exchange` is what the rest of the package uses. The driver's half: :mod:`.to_ray`,
:mod:`.to_spark` and :mod:`.directory`, which keeps one agent on each node that has executors. The node's
half: :mod:`.agent` and :mod:`.block_reader`, which do without Spark. Types: :mod:`.canonical_types` and
:mod:`.spark_types`; values: :mod:`.columns`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from raydp._exchange.driver.exchange import Exchange as Exchange

__all__ = ["Exchange"]


def __getattr__(name: str) -> Any:
    # On demand: an agent imports this package too, and would only pay for PySpark.
    if name == "Exchange":
        from raydp._exchange.driver.exchange import Exchange

        return Exchange
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
