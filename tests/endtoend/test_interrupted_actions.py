"""Ctrl-C during an action of PySpark, with the handler that a session of raydp installs."""

from __future__ import annotations

import signal
import threading
from typing import TYPE_CHECKING

import pytest
from pyspark.sql import functions as F

from raydp._spark.interrupts import cancel_jobs_on_interrupt
from support.datasets import eventually

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pyspark.sql import SparkSession


@pytest.fixture
def interruptible(spark: SparkSession) -> Iterator[None]:
    """Install the handler. A shell that starts pytest in the background disables SIGINT."""
    before = signal.getsignal(signal.SIGINT)
    cancel_jobs_on_interrupt(spark.sparkContext, signal.default_int_handler, lambda: True)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.mark.usefixtures("interruptible")
@pytest.mark.filterwarnings("error:toPandas attempted")  # with a hundred lines of Java
def test_ctrl_c_in_to_pandas_is_a_keyboard_interrupt(spark: SparkSession) -> None:
    main = threading.main_thread().ident
    assert main is not None
    active = spark.sparkContext.statusTracker().getActiveJobsIds

    def interrupt() -> None:
        assert eventually(lambda: bool(active()))
        signal.pthread_kill(main, signal.SIGINT)

    threading.Thread(target=interrupt, daemon=True).start()
    hours = spark.range(10**13).select(F.rand().alias("y")).where("y < 1e-9")
    with pytest.raises(KeyboardInterrupt):
        hours.toPandas()
    assert eventually(lambda: not active())
