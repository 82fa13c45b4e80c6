"""A program of security/test_secrets.py: an application that waits for a line of input."""

import json
import sys

import ray

import raydp
from raydp._application import current_application
from support.scripting import say, start_ray

start_ray(num_cpus=4)
spark = raydp.init_spark(
    "watched", 2, 1, "600m", configs={"spark.log.level": "INFO", "spark.shuffle.service.enabled": "true"}
)
jvm = spark.sparkContext._jvm
df = spark.range(100_000).selectExpr("id", "id % 7 k").repartition(4)
assert df.groupBy("k").count().count() == 7
assert spark.sparkContext.parallelize(range(10), 2).map(lambda x: x + 1).sum() == 55
ds = raydp.from_spark(df)
assert raydp.to_spark(ds).count() == 100_000
text = jvm.org.apache.hadoop.io.Text("sparkCookie")
user = jvm.org.apache.hadoop.security.UserGroupInformation.getCurrentUser()
secret = bytes(user.getCredentials().getSecretKey(text)).decode()
say(
    json.dumps(
        {
            "secret": secret,
            "token": jvm.io.raydp.security.UiToken.value(),
            "driver": spark.conf.get("spark.driver.port"),
            "host": spark.conf.get("spark.driver.host"),
            "application": spark.sparkContext.applicationId,
            "ui": spark.sparkContext.uiWebUrl,
            "link": raydp.ui_url(),
            "conf": spark.sparkContext.getConf().getAll(),
            "sql": [list(map(str, row)) for row in spark.sql("SET -v").collect()],
            "session": ray._private.worker._global_node.get_session_dir_path(),
        }
    )
)
sys.stdin.readline()
say(len(current_application().status().executors), spark.range(10).count())
raydp.stop_spark()
