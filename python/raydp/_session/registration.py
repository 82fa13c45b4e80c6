"""``register`` and ``unregister``: names for Ray Datasets in Spark's queries."""

from __future__ import annotations

from typing import TYPE_CHECKING

from raydp._configuration.arguments import suggests_arguments
from raydp._configuration.suggestions import did_you_mean
from raydp._ray.internals import blocks_of_dataset
from raydp._session import conversions
from raydp._session.exchanging import errors_of_stop, running_application
from raydp.errors import InvalidArgumentError

if TYPE_CHECKING:
    import ray.data

__all__ = ["register", "unregister"]


@suggests_arguments(dataset="ds")
def register(ds: ray.data.Dataset, name: str) -> None:
    """Give a Ray Dataset a name in Spark, until :func:`unregister` or the application's end.

    ``spark.read.format("ray").load("trips")``, ``spark.table("ray.trips")`` and ``SELECT * FROM ray.trips`` then
    read it like the DataFrame of :func:`raydp.to_spark`. ``SHOW TABLES IN ray`` lists the names, and
    ``DROP TABLE ray.trips`` removes one. The blocks are kept while the name is registered, and for every query.

    Args:
        ds: The Dataset. It is executed if it was not executed yet.
        name: Any string that is not empty; it is case-sensitive. SQL needs backquotes around unusual names. If the
            name is in use, it is moved to this Dataset. Existing DataFrames of the other Dataset stay readable.

    Raises:
        NotADataFrameError: ``ds`` is not a Ray Dataset.
        InvalidArgumentError: ``name`` is not a string, or empty; or column names repeat.
        UnsupportedTypeError: A column has a type that Spark cannot hold.
        SessionError: No session on Ray runs.
    """
    dataset = conversions.checked_dataset("register", ds)
    checked = _checked_name(name)
    application = running_application()
    with errors_of_stop(application):
        application.exchange.register(checked, blocks_of_dataset(dataset))


@suggests_arguments()
def unregister(name: str) -> None:
    """Remove a name that :func:`register` gave.

    The blocks are freed as soon as nothing else holds them: no Dataset or reference in Ray, and no
    DataFrame, view or cached plan in Spark.

    Args:
        name: The name.

    Raises:
        InvalidArgumentError: No Dataset is registered under it; the message lists those that are.
        SessionError: No session on Ray runs.
    """
    checked = _checked_name(name)
    exchange = running_application().exchange
    if not exchange.unregister(checked):
        known = exchange.registered()
        raise InvalidArgumentError(
            f"No Ray Dataset is registered under this name; was it unregistered before? "
            f"{did_you_mean(checked, known)}Registered: {known}, name: {checked!r}"
        )


def _checked_name(name: str) -> str:
    if not isinstance(name, str) or not name.strip():
        raise InvalidArgumentError(f"The name of a Dataset must be a string that is not empty; got: {name!r}")
    return name
