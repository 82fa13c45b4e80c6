"""A program of machines/test_nameless.py: neither the host nor the user has a name, and there is no home."""

import os
import pwd

import ray

import raydp
from raydp._application import current_application
from raydp.errors import MissingRequirementError
from support.scripting import begin_part, eventually, say

begin_part("names")
say(any(one.pw_uid == os.getuid() for one in pwd.getpwall()), os.uname().nodename)
begin_part("spark-submit")
try:
    raydp.init_spark("files", 1, 1, "600m", configs={"spark.files": __file__})
except MissingRequirementError as error:
    say(error)
begin_part("application")
spark = raydp.init_spark("nameless", 1, 1, "600m", configs={"spark.shuffle.service.enabled": "true"})
say(raydp.from_spark(spark.range(1000)).count(), raydp.to_spark(ray.data.range(10), spark).count())
say(spark.range(100).selectExpr("id % 7 k").groupBy("k").count().count())
say(spark.sparkContext.sparkUser())
eventually("one executor", lambda: len(current_application().status().registered) == 1)
raydp.stop_spark()
ray.shutdown()
begin_part("token")
say(os.environ.get("RAY_AUTH_TOKEN_PATH"))
