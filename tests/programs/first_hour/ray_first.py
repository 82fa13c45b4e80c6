"""A program of first_hour/test_endings.py: its last line leaves Ray, and Spark was not stopped."""

import ray

import raydp
from support.scripting import say, start_ray

start_ray(num_cpus=2)
spark = raydp.init_spark("ends", 1, 1, "600m", configs={"spark.raydp.archiveClasses": False})
ds = ray.data.from_spark(spark.range(10))
df = raydp.to_spark(ds)
say("rows:", df.count())
say("text:", repr(spark))
say("html:", spark._repr_html_())
ray.shutdown()
say("text:", repr(spark))
for use in (df.count, lambda: spark.range(3), lambda: raydp.from_spark(df), raydp.ui_url):
    try:
        use()
    except raydp.errors.SessionError as error:
        say("refused:", error)
