"""The model's inputs, in order, and how they are read from what `transform` wrote."""

import pathlib

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

# Each is a column of flights.sql: name, meaning.
NUMBERS = {
    "hour_sin": "scheduled hour (New York's clock) on a circle of 24 hours",
    "hour_cos": "the same, the other coordinate",
    "minute_sin": "scheduled minute on a circle of 60 minutes",
    "minute_cos": "the same, the other coordinate",
    "distance": "miles",
    "scheduled_minutes": "from scheduled departure to scheduled arrival; null if the destination's time zone is unknown",
    "dest_latitude": "degrees; null for a destination that is not in airports.csv",
    "dest_longitude": "degrees, west is negative; null likewise",
    "dest_altitude": "feet; null likewise",
    "plane_age": "years since the plane was built; null if the tail number or the year is unknown",
    "plane_seats": "null if the tail number is unknown",
    "temperature": "°F, like all weather at the origin in the hour before the scheduled hour; null if not observed",
    "dew_point": "°F",
    "humidity": "relative, %",
    "wind_speed": "mph",
    "wind_gust": "mph; null if there were none",
    "wind_east": "mph, the part that comes from the east; null if the direction varies",
    "wind_north": "mph, the part that comes from the north; null likewise",
    "precipitation": "inches in the hour",
    "pressure": "millibars at sea level",
    "visibility": "miles, at most 10",
}

# Codes: name, meaning, how many there are (from 0). A null or any other number belongs to none of them.
CODES = {
    "carrier_code": ("airline; see the list in flights.sql", 16),
    "origin_code": ("0 EWR, 1 JFK, 2 LGA", 3),
    "weekday": ("of the scheduled departure, 0 is Monday", 7),
}

FEATURES = [*NUMBERS, *CODES]
LABEL = "arrived_late"
KEY = ["flight_date", "carrier", "flight", "origin"]


def read(path: pathlib.Path) -> pa.Table:
    """The rows of a Parquet file that `transform` wrote, in the order of their keys, whatever the file's."""
    table = pq.read_table(path)
    missing = [name for name in [*KEY, LABEL, *FEATURES] if name not in table.column_names]
    if missing:
        raise SystemExit(f"`{path}` lacks the columns {missing}")
    for at, field in enumerate(table.schema):
        if pa.types.is_string_view(field.type):  # which pyarrow does not sort
            table = table.set_column(at, field.name, table[field.name].cast(pa.string()))
    return table.sort_by([(name, "ascending") for name in KEY])


def matrix(table: pa.Table) -> np.ndarray:
    """The model's input: float32, a row for each flight, NaN for null."""
    columns = [pc.fill_null(table[name].cast(pa.float32()), np.nan).to_numpy() for name in FEATURES]
    return np.column_stack(columns)


def ids(table: pa.Table) -> list[str]:
    """The flights' document ids, as pipeline.toml has them."""
    rows = zip(*(table[name].to_pylist() for name in KEY))
    return [f"{date}-{carrier}{flight}-{origin}" for date, carrier, flight, origin in rows]
