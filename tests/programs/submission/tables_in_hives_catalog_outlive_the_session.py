"""A program of submission/test_dependencies.py. Its argument is a folder."""

import sys

import raydp
from support.scripting import say, start_ray

start_ray(num_cpus=2)
configs = {
    "spark.sql.warehouse.dir": f"{sys.argv[1]}/warehouse",
    "spark.hadoop.javax.jdo.option.ConnectionURL": f"jdbc:derby:;databaseName={sys.argv[1]}/metastore;create=true",
    "spark.driver.extraJavaOptions": f"-Dderby.stream.error.file={sys.argv[1]}/derby.log",
}
for turn in range(2):
    spark = raydp.init_spark("t", 1, 1, "500m", enable_hive=True, configs=configs)
    if turn == 0:
        spark.sql("CREATE TABLE numbers (n BIGINT) PARTITIONED BY (k INT) STORED AS PARQUET")
        spark.sql("SET hive.exec.dynamic.partition.mode=nonstrict")
        spark.sql("INSERT INTO numbers SELECT id, id % 3 FROM range(1000)")
    say(
        spark.catalog.listTables()[0].name,
        spark.sql("SELECT sum(n) FROM numbers WHERE k = 1").first()[0],
        raydp.from_spark(spark.table("numbers")).count(),
    )
    raydp.stop_spark()
