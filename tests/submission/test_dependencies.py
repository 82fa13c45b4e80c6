"""What a session brings along: a package from Maven Central, and Hive's catalog with a metastore on disk."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from support import programs

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = [pytest.mark.cluster, pytest.mark.timeout(600)]


def test_a_package_from_maven_central_reaches_the_executors(tmp_path: Path) -> None:
    outcome = programs.run(
        f"""
        start_ray(num_cpus=2)
        spark = raydp.init_spark("t", 1, 1, "500m", configs={{
            "spark.jars.packages": "org.unbescape:unbescape:1.1.6.RELEASE", "spark.jars.ivy": {str(tmp_path)!r}}})
        escaped = "java_method('org.unbescape.html.HtmlEscape', 'escapeHtml4Xml', concat('<', id)) AS s"
        say(sorted(row.s for row in spark.range(0, 2, 1, 2).selectExpr(escaped).collect()))
        """
    )
    assert outcome.code == 0, outcome.everything
    assert outcome.output.splitlines()[-1] == "['&lt;0', '&lt;1']"


def test_tables_in_hives_catalog_outlive_the_session(tmp_path: Path) -> None:
    outcome = programs.run(
        f"""
        start_ray(num_cpus=2)
        configs = {{
            "spark.sql.warehouse.dir": {str(tmp_path / "warehouse")!r},
            "spark.hadoop.javax.jdo.option.ConnectionURL": "jdbc:derby:;databaseName={tmp_path}/metastore;create=true",
            "spark.driver.extraJavaOptions": "-Dderby.stream.error.file={tmp_path}/derby.log"}}
        for turn in range(2):
            spark = raydp.init_spark("t", 1, 1, "500m", enable_hive=True, configs=configs)
            if turn == 0:
                spark.sql("CREATE TABLE numbers (n BIGINT) PARTITIONED BY (k INT) STORED AS PARQUET")
                spark.sql("SET hive.exec.dynamic.partition.mode=nonstrict")
                spark.sql("INSERT INTO numbers SELECT id, id % 3 FROM range(1000)")
            say(spark.catalog.listTables()[0].name, spark.sql("SELECT sum(n) FROM numbers WHERE k = 1").first()[0],
                raydp.from_spark(spark.table("numbers")).count())
            raydp.stop_spark()
        """
    )
    assert outcome.code == 0, outcome.everything
    assert outcome.output.splitlines()[-2:] == [f"numbers {sum(range(1, 1000, 3))} 1000"] * 2, outcome.everything
