"""A program of security/test_other_users.py: it starts where another user has been first."""

import sys

import psutil
import ray

import raydp
from support import programs
from support.scripting import begin_part, say

secret, jar = sys.argv[1:]
configs = {"spark.hadoop.fs.s3a.secret.key": secret, "spark.files": jar, "spark.raydp.archiveClasses": "false"}
spark = raydp.init_spark("shared", 1, 1, "600m", configs=configs)
begin_part("session")
say(ray._private.worker._global_node.get_session_dir_path())
begin_part("conversion")
say(raydp.from_spark(spark.range(1000)).count(), raydp.to_spark(ray.data.range(10)).count())
begin_part("setting")
say(spark.sparkContext._jsc.hadoopConfiguration().get("fs.s3a.secret.key") == secret)
begin_part("command lines")
words = [" ".join(programs.words_of(one)) for one in psutil.Process().children(recursive=True)]
say(any("SparkSubmit" in line for line in words), any(secret in line for line in words))
raydp.stop_spark()
ray.shutdown()
