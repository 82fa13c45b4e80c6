"""PySpark, its gateway and its Python workers. ``internals`` alone uses PySpark's private parts."""

from __future__ import annotations

from importlib.util import find_spec

import pyspark

from raydp._machine.installation import supported_sparks
from raydp.errors import MissingRequirementError

if find_spec("pyspark.core") is None:  # before PySpark 4, as spark-submit of an older Spark brings it along
    raise MissingRequirementError(
        "raydp does not support this version of PySpark. Install a supported one, and start the program with that. If "
        "spark-submit of another Spark has started it, start it with python. Found: PySpark "
        f"{pyspark.__version__} in {pyspark.__path__[0]}; supported: Spark {supported_sparks()}"
    )
