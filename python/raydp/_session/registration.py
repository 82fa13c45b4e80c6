"""``register`` and ``unregister``: Ray Datasets that Spark's queries can name."""

from __future__ import annotations

from typing import TYPE_CHECKING

from raydp._application import current_application
from raydp._session import conversions as _conversions
from raydp.errors import InvalidArgumentError

if TYPE_CHECKING:
    import ray.data

__all__ = ["register", "unregister"]


def register(ds: ray.data.Dataset, name: str) -> None:
    """Give a Ray Dataset a name under which Spark can read it, until :func:`unregister` or the application's end.

    ``spark.read.format("ray").load("trips")``, ``spark.table("ray.trips")`` and ``SELECT * FROM ray.trips`` then
    read it like the DataFrame of :func:`raydp.to_spark`. ``SHOW TABLES IN ray`` lists the names, and
    ``DROP TABLE ray.trips`` takes one back. The blocks are held, by this process and for every query.

    Args:
        ds: The Dataset; it is executed if that has not happened yet.
        name: The name: any string that is not empty, case matters. SQL wants backquotes around unusual ones. A
            name that is in use goes over to this Dataset; DataFrames that were made of the other read on.

    Raises:
        NotADataFrameError: ``ds`` is not a Ray Dataset.
        InvalidArgumentError: ``name`` is not a string, or empty; or column names repeat.
        UnsupportedTypeError: A column has a type that Spark cannot hold.
        SessionError: No session on Ray runs.
    """
    dataset = _conversions.checked_dataset("register", ds)
    checked = _checked_name(name)
    current_application().exchange.register(dataset, checked)


def unregister(name: str) -> None:
    """Take back a name that :func:`register` gave.

    The blocks are freed as soon as nothing else holds them: no other Dataset or reference in Ray, no
    DataFrame, view or cached plan in Spark.

    Args:
        name: The name.

    Raises:
        InvalidArgumentError: No Dataset is registered under it; the message lists those that are.
        SessionError: No session on Ray runs.
    """
    checked = _checked_name(name)
    exchange = current_application().exchange
    if not exchange.unregister(checked):
        raise InvalidArgumentError(
            f"No Ray Dataset is registered under this name; was it unregistered before? Registered: "
            f"{exchange.registered()}, name: {checked!r}"
        )


def _checked_name(name: str) -> str:
    if not isinstance(name, str) or not name.strip():
        raise InvalidArgumentError(f"The name of a Dataset must be a string that is not empty; got: {name!r}")
    return name
