"""A program of security/test_secrets.py."""

import raydp
from support.scripting import say, start_ray
from support.strangers import answer_to_stranger

start_ray(num_cpus=2)
spark = raydp.init_spark("hidden", 1, 1, "600m", configs={"spark.raydp.network.encryption": "true"})
df = spark.range(1000).selectExpr("id", "id % 7 k").repartition(2).cache()
say("rows:", raydp.from_spark(df.groupBy("k").count()).count())
conf = dict(spark.sparkContext.getConf().getAll())
say("conf:", conf["spark.network.crypto.enabled"], conf["spark.io.encryption.enabled"])
say("answer:", answer_to_stranger(conf["spark.driver.host"], int(conf["spark.driver.port"])))
