"""Flights into Parquet files, with PySpark on all cores of this machine. It brings no jars of Delta Lake."""

import time

STARTED = time.perf_counter()

import os

from pyspark.sql import SparkSession
from pyspark.sql.types import ByteType, ShortType, StringType, StructField, StructType, TimestampType

import contestant

TYPES = {"int8": ByteType(), "int16": ShortType(), "utf8": StringType(), "timestamp": TimestampType()}
SCHEMA = StructType([StructField(name, of) for name, of in contestant.columns(TYPES).items()])

SETTINGS = {
    "spark.log.level": "ERROR",
    "spark.sql.session.timeZone": "UTC",
    "spark.ui.enabled": "false",
    "spark.ui.showConsoleProgress": "false",
}
os.environ["SPARK_LOCAL_IP"] = "127.0.0.1"
spark = SparkSession.builder.master("local[*]").config(map=SETTINGS).getOrCreate()


def csv(source: str, table: str) -> None:
    spark.read.csv(source, schema=SCHEMA, header=True, nullValue="NA").write.parquet(table)


def jsonl(source: str, table: str) -> None:
    spark.read.json(source, schema=SCHEMA).write.parquet(table)


contestant.run(STARTED, {"csv": csv, "jsonl": jsonl})
# The virtual machine is waited for: only of those that were, the operating system tells the memory.
gateway = spark.sparkContext._gateway
spark.stop()
gateway.shutdown()
gateway.proc.stdin.close()
gateway.proc.wait()
