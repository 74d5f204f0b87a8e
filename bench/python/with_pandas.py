"""The work on tables, with pandas."""

import pathlib

import numpy as np
import pandas as pd

from pipeline import CARRIERS, COLUMNS, ORIGINS, ROUNDED

# Whole numbers that documents hold, which gaps made floats.
WHOLE = ["plane_seats", "departure_delay", "arrival_delay"]


def read(flights: pathlib.Path, tables: pathlib.Path) -> dict[str, pd.DataFrame]:
    # Arrow's reader is several times as fast as pandas' own. `NA` is missing to it; numbers with gaps become floats.
    table = lambda path: pd.read_csv(path, engine="pyarrow")
    frames = {
        "flights": table(flights),
        "airlines": table(tables / "airlines.csv"),
        "airports": table(tables / "airports.csv"),
        "planes": table(tables / "planes.csv.gz"),
        "weather": table(tables / "weather.csv.gz"),
    }
    for name in ("flights", "weather"):
        frames[name]["time_hour"] = pd.to_datetime(frames[name]["time_hour"], utc=True).dt.tz_localize(None)
    return frames


def to_utc(local: pd.Series, zone: str) -> pd.Series:
    """Local times as UTC. Of an hour that is there twice, the first is meant."""
    ambiguous = np.ones(len(local), dtype=bool)
    return local.dt.tz_localize(zone, ambiguous=ambiguous, nonexistent="NaT").dt.tz_convert(None)


def in_zones(local: pd.Series, zones: pd.Series) -> pd.Series:
    """Local times of each row's zone as UTC; none where the zone is unknown."""
    parts = [to_utc(part, zone) for zone, part in local.groupby(zones)]
    return pd.concat(parts).reindex(local.index)


def minutes(values: pd.Series) -> pd.Series:
    return pd.to_timedelta(values, unit="min")


def clock(values: pd.Series) -> pd.Series:
    return minutes(values // 100 * 60 + values % 100)


def transform(frames: dict[str, pd.DataFrame]) -> pd.DataFrame:
    airlines = frames["airlines"].rename(columns={"name": "carrier_name"})
    airports = frames["airports"].rename(
        columns={
            "faa": "dest",
            "name": "dest_name",
            "lat": "dest_latitude",
            "lon": "dest_longitude",
            "alt": "dest_altitude",
        }
    )[["dest", "dest_name", "dest_latitude", "dest_longitude", "dest_altitude", "tzone"]]
    planes = frames["planes"]
    planes = planes[(planes["seats"] >= 20) & planes["engine"].str.startswith("Turbo")].rename(
        columns={
            "year": "plane_year",
            "manufacturer": "plane_manufacturer",
            "model": "plane_model",
            "seats": "plane_seats",
        }
    )[["tailnum", "plane_year", "plane_manufacturer", "plane_model", "plane_seats"]]

    weather = frames["weather"].drop_duplicates(["origin", "time_hour"])
    speed = weather["wind_speed"].where(weather["wind_speed"] <= 150)
    direction = np.radians(weather["wind_dir"])
    weather = pd.DataFrame(
        {
            "origin": weather["origin"],
            "time_hour": weather["time_hour"] + pd.Timedelta(hours=1),
            "temperature": weather["temp"],
            "dew_point": weather["dewp"],
            "humidity": weather["humid"],
            "wind_speed": speed,
            "wind_gust": weather["wind_gust"],
            "wind_east": speed * np.sin(direction),
            "wind_north": speed * np.cos(direction),
            "precipitation": weather["precip"],
            "pressure": weather["pressure"],
            "visibility": weather["visib"],
        }
    )

    frame = (
        frames["flights"]
        .merge(airlines, on="carrier", how="left", validate="many_to_one")
        .merge(airports, on="dest", how="left", validate="many_to_one")
        .merge(planes, on="tailnum", how="left", validate="many_to_one")
        .merge(weather, on=["origin", "time_hour"], how="left", validate="many_to_one")
    )

    midnight = pd.to_datetime(frame[["year", "month", "day"]])
    departure = to_utc(midnight + clock(frame["sched_dep_time"]), "America/New_York")
    arrival = midnight + clock(frame["sched_arr_time"])
    same_day = in_zones(arrival, frame["tzone"])
    next_day = in_zones(arrival + pd.Timedelta(days=1), frame["tzone"])
    scheduled_arrival = same_day.where(same_day > departure, next_day)
    hour_angle, minute_angle = frame["hour"] * (np.pi / 12), frame["minute"] * (np.pi / 30)
    carriers, origins = pd.Index(CARRIERS), pd.Index(ORIGINS)
    frame = frame.assign(
        flight_date=midnight,
        scheduled_departure=departure,
        scheduled_arrival=scheduled_arrival,
        actual_departure=departure + minutes(frame["dep_delay"]),
        actual_arrival=scheduled_arrival + minutes(frame["arr_delay"]),
        departure_delay=frame["dep_delay"],
        arrival_delay=frame["arr_delay"],
        status=np.select([frame["dep_time"].isna(), frame["arr_delay"].isna()], ["cancelled", "diverted"], "flown"),
        arrived_late=(frame["arr_delay"] > 15).astype(object).where(frame["arr_delay"].notna(), None),
        carrier_code=carriers.get_indexer(frame["carrier"]),
        origin_code=origins.get_indexer(frame["origin"]),
        weekday=midnight.dt.weekday,
        hour_sin=np.sin(hour_angle),
        hour_cos=np.cos(hour_angle),
        minute_sin=np.sin(minute_angle),
        minute_cos=np.cos(minute_angle),
        scheduled_minutes=(scheduled_arrival - departure) / pd.Timedelta(minutes=1),
        plane_age=frame["year"] - frame["plane_year"],
    )

    fastest = frame["distance"] // 8
    schedule, speed = frame["scheduled_minutes"], frame["distance"] * 60.0 / frame["air_time"]
    good = (
        (frame["origin_code"] >= 0)
        & (departure.dt.floor("h") == frame["time_hour"])
        & (frame["distance"] >= 50)
        & (schedule.isna() | schedule.between(fastest, fastest + 105))
        & (speed.isna() | speed.between(60, 650))
    )
    return frame[good]


def matrix(frame: pd.DataFrame, names: list[str]) -> np.ndarray:
    return frame[names].to_numpy(dtype=np.float32)


def values(column: pd.Series) -> list:
    """A column's values as Python's own, `None` where there is none."""
    present = column.notna().to_numpy()
    if column.name == "flight_date":
        return column.dt.strftime("%Y-%m-%d").tolist()
    if column.name in WHOLE:
        found = column.fillna(0).astype(int).tolist()
    elif column.dtype.kind == "M":
        found = column.dt.to_pydatetime().tolist()
    else:
        found = column.tolist()
    if present.all():
        return found
    return [value if there else None for value, there in zip(found, present)]


def lists(frame: pd.DataFrame, start: int, count: int) -> dict[str, list]:
    part = frame.iloc[start : start + count].round({name: 1 for name in ROUNDED})
    return {name: values(part[name]) for name in COLUMNS}
