"""A program of attach/test_other_builds.py: jars of other builds than the Python package, and for another Spark.

The package is a copy, whose jar changes meanwhile, as it does when another version is installed.
"""

import shutil
import sys
from pathlib import Path

from pyspark import SparkConf, SparkContext
from pyspark.sql import SparkSession

import raydp
from support.jars import change_manifest
from support.scripting import begin_part, say, start_ray

package = Path(raydp.__file__).parent
folder = Path(sys.argv[1])
assert package.is_relative_to(folder), package
package_jar = package / "jars" / "raydp.jar"
same, other = folder / "application" / "jars" / "raydp.jar", folder / "raydp-other.jar"
shutil.copytree(package / "jars", same.parent)
shutil.copytree(package / "lib", folder / "application" / "lib")
change_manifest(same, other, Implementation_Version="1.9.0+0123456789abcdef")


def session(jar: Path) -> SparkSession:
    options = {"spark.ui.enabled": "false", "spark.jars": str(jar)}
    return SparkSession(SparkContext(conf=SparkConf().setMaster("local[1]").setAppName("t").setAll(options.items())))


def attempt() -> None:
    try:
        say("attached:", raydp.attach(spark).is_usable())
    except raydp.errors.RaydpError as error:
        say(f"{type(error).__name__}: {error}")
    say("Spark goes on:", spark.range(3).count())


start_ray(num_cpus=1)
spark = session(same)

begin_part("an unsupported Spark")
change_manifest(same, package_jar, Specification_Version="4.2.1")
attempt()

begin_part("the application's own jar")
shutil.copyfile(same, folder / "again.jar")
(folder / "again.jar").replace(package_jar)
with raydp.attach(spark):
    say("rows:", raydp.from_spark(spark.range(10)).count())

begin_part("another package")
shutil.copyfile(other, folder / "again.jar")
(folder / "again.jar").replace(package_jar)
attempt()
shutil.copyfile(same, folder / "again.jar")
(folder / "again.jar").replace(package_jar)
attempt()
spark.stop()

begin_part("other executors")
spark = session(other)
attempt()
spark.stop()
