"""PySpark, its gateway and its Python workers. ``internals`` alone uses PySpark's private parts."""

from __future__ import annotations

from importlib.util import find_spec

import pyspark

from raydp._machine.installation import raydp_jar, spark_minor_version, supported_sparks
from raydp._machine.jar_build import spark_of_jar
from raydp.errors import MissingRequirementError

# PySpark 3 has its context in another place, and pyspark-client has none. spark-submit of an older Spark brings its own
# PySpark along. The doctor refuses PySpark 4 without a jar for it.
if find_spec("pyspark.core") is None and (
    find_spec("pyspark.context") is None
    or spark_minor_version(spark_of_jar(raydp_jar())) != spark_minor_version(pyspark.__version__)
):
    raise MissingRequirementError(
        "raydp does not support this version of PySpark. Install a supported one, and start the program with that. If "
        "spark-submit of another Spark has started it, start it with python. Found: PySpark "
        f"{pyspark.__version__} in {pyspark.__path__[0]}; supported: Spark {supported_sparks()}"
    )
