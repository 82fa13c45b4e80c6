"""A program of submission/test_dependencies.py. Its argument is a folder."""

import sys

import raydp
from support.scripting import say, start_ray

start_ray(num_cpus=2)
spark = raydp.init_spark(
    "t",
    1,
    1,
    "500m",
    configs={"spark.jars.packages": "org.unbescape:unbescape:1.1.6.RELEASE", "spark.jars.ivy": sys.argv[1]},
)
escaped = "java_method('org.unbescape.html.HtmlEscape', 'escapeHtml4Xml', concat('<', id)) AS s"
say(sorted(row.s for row in spark.range(0, 2, 1, 2).selectExpr(escaped).collect()))
