"""PySpark, its gateway and its Python workers. ``internals`` alone uses PySpark's private parts."""

from __future__ import annotations

from importlib.util import find_spec

import pyspark

from raydp._machine.installation import raydp_jar, spark_minor_version, supported_sparks
from raydp._machine.jar_build import spark_of_jar
from raydp.errors import MissingRequirementError

# Before PySpark 4: as spark-submit of an older Spark brings it along, for example. The doctor refuses newer ones.
if find_spec("pyspark.core") is None and (
    spark_minor_version(spark_of_jar(raydp_jar())) != spark_minor_version(pyspark.__version__)
):
    raise MissingRequirementError(
        "raydp does not support this version of PySpark. Install a supported one, and start the program with that. If "
        "spark-submit of another Spark has started it, start it with python. Found: PySpark "
        f"{pyspark.__version__} in {pyspark.__path__[0]}; supported: Spark {supported_sparks()}"
    )
