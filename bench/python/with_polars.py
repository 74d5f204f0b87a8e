"""The work on tables, with Polars."""

import math
import pathlib

import numpy as np
import polars as pl

from pipeline import CARRIERS, COLUMNS, ORIGINS, ROUNDED

FLIGHTS = {
    "year": pl.Int32, "month": pl.Int8, "day": pl.Int8, "dep_time": pl.Int16, "sched_dep_time": pl.Int16,
    "dep_delay": pl.Int16, "arr_time": pl.Int16, "sched_arr_time": pl.Int16, "arr_delay": pl.Int16,
    "carrier": pl.String, "flight": pl.Int16, "tailnum": pl.String, "origin": pl.String, "dest": pl.String,
    "air_time": pl.Int16, "distance": pl.Int16, "hour": pl.Int8, "minute": pl.Int8, "time_hour": pl.String,
}  # fmt: skip


def read(flights: pathlib.Path, tables: pathlib.Path) -> dict[str, pl.DataFrame]:
    table = lambda name: pl.read_csv(tables / name, null_values="NA", infer_schema_length=None)
    frames = {
        "flights": pl.read_csv(flights, null_values="NA", schema=FLIGHTS),
        "airlines": table("airlines.csv"),
        "airports": table("airports.csv"),
        "planes": table("planes.csv.gz"),
        "weather": table("weather.csv.gz"),
    }
    for name in ("flights", "weather"):
        frames[name] = frames[name].with_columns(pl.col("time_hour").str.to_datetime("%Y-%m-%dT%H:%M:%SZ"))
    return frames


def to_utc(local: pl.Expr, zone: str) -> pl.Expr:
    """Local times as UTC. Of an hour that is there twice, the first is meant."""
    zoned = local.dt.replace_time_zone(zone, ambiguous="earliest", non_existent="null")
    return zoned.dt.convert_time_zone("UTC").dt.replace_time_zone(None)


def in_zones(local: pl.Expr, zones: list[str]) -> pl.Expr:
    """Local times of each row's zone as UTC."""
    return pl.coalesce(to_utc(pl.when(pl.col("tzone") == zone).then(local), zone) for zone in zones)


def transform(frames: dict[str, pl.DataFrame]) -> pl.DataFrame:
    airlines = frames["airlines"].lazy().select("carrier", carrier_name="name")
    airports = frames["airports"].lazy().select(
        "tzone", dest="faa", dest_name="name", dest_latitude="lat", dest_longitude="lon", dest_altitude="alt"
    )
    planes = (
        frames["planes"]
        .lazy()
        .filter(pl.col("seats") >= 20, pl.col("engine").str.starts_with("Turbo"))
        .select("tailnum", plane_year="year", plane_manufacturer="manufacturer", plane_model="model", plane_seats="seats")
    )
    speed = pl.when(pl.col("wind_speed") <= 150).then("wind_speed")
    weather = (
        frames["weather"]
        .lazy()
        .unique(["origin", "time_hour"])
        .select(
            "origin",
            "wind_gust",
            "pressure",
            time_hour=pl.col("time_hour") + pl.duration(hours=1),
            temperature="temp",
            dew_point="dewp",
            humidity="humid",
            wind_speed=speed,
            wind_east=speed * pl.col("wind_dir").radians().sin(),
            wind_north=speed * pl.col("wind_dir").radians().cos(),
            precipitation="precip",
            visibility="visib",
        )
    )
    zones = frames["airports"].join(frames["flights"], left_on="faa", right_on="dest", how="semi")["tzone"].unique()
    zones = zones.drop_nulls().sort().to_list()

    clock = lambda name: pl.duration(hours=pl.col(name) // 100, minutes=pl.col(name) % 100)
    minutes = lambda name: pl.duration(minutes=pl.col(name))
    midnight = pl.datetime("year", "month", "day")
    arrival = midnight + clock("sched_arr_time")
    hour_angle, minute_angle = pl.col("hour") * (math.pi / 12), pl.col("minute") * (math.pi / 30)

    # Documents in the order of the file are written to the database much faster than in another.
    return (
        frames["flights"]
        .lazy()
        .with_columns(scheduled_departure=to_utc(midnight + clock("sched_dep_time"), "America/New_York"))
        .join(airlines, on="carrier", how="left", maintain_order="left")
        .join(airports, on="dest", how="left", maintain_order="left")
        .join(planes, on="tailnum", how="left", maintain_order="left")
        .join(weather, on=["origin", "time_hour"], how="left", maintain_order="left")
        .with_columns(same_day=in_zones(arrival, zones))
        .with_columns(
            scheduled_arrival=pl.when(pl.col("same_day") > pl.col("scheduled_departure"))
            .then("same_day")
            .otherwise(in_zones(arrival + pl.duration(days=1), zones))
        )
        .with_columns(
            flight_date=pl.date("year", "month", "day"),
            status=pl.when(pl.col("dep_time").is_null())
            .then(pl.lit("cancelled"))
            .when(pl.col("arr_delay").is_null())
            .then(pl.lit("diverted"))
            .otherwise(pl.lit("flown")),
            actual_departure=pl.col("scheduled_departure") + minutes("dep_delay"),
            actual_arrival=pl.col("scheduled_arrival") + minutes("arr_delay"),
            departure_delay="dep_delay",
            arrival_delay="arr_delay",
            arrived_late=pl.col("arr_delay") > 15,
            carrier_code=pl.col("carrier").replace_strict(CARRIERS, range(len(CARRIERS)), default=None),
            origin_code=pl.col("origin").replace_strict(ORIGINS, range(len(ORIGINS)), default=None),
            weekday=midnight.dt.weekday() - 1,
            hour_sin=hour_angle.sin(),
            hour_cos=hour_angle.cos(),
            minute_sin=minute_angle.sin(),
            minute_cos=minute_angle.cos(),
            scheduled_minutes=(pl.col("scheduled_arrival") - pl.col("scheduled_departure")).dt.total_minutes(),
            plane_age=pl.col("year") - pl.col("plane_year"),
        )
        .filter(
            pl.col("origin_code").is_not_null(),
            pl.col("scheduled_departure").dt.truncate("1h") == pl.col("time_hour"),
            pl.col("distance") >= 50,
            pl.col("scheduled_minutes").is_between(pl.col("distance") // 8, pl.col("distance") // 8 + 105).fill_null(True),
            (pl.col("distance") * 60.0 / pl.col("air_time")).is_between(60, 650).fill_null(True),
        )
        .collect()
    )


def matrix(frame: pl.DataFrame, names: list[str]) -> np.ndarray:
    columns = [frame[name].cast(pl.Float32).fill_null(math.nan).to_numpy() for name in names]
    return np.column_stack(columns)


def lists(frame: pl.DataFrame, start: int, count: int) -> dict[str, list]:
    part = frame.slice(start, count).with_columns(pl.col(ROUNDED).round(1))
    return {name: part[name].to_list() for name in COLUMNS}
