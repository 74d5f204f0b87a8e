-- Departures from New York's airports: cleaned, joined with the reference tables, times in UTC, and the
-- features of the model. One row out for each row in, each on its own.
--
-- Features are what is known before the scheduled departure; what is known only later is in the columns
-- of the outcome (status, actual_*, *_delay, air_minutes, arrived_late), which the model must not read.
WITH
-- Local times as minutes since 1970-01-01T00:00 on the local clock. A date that does not exist is null,
-- and the rule `valid-date` then rejects the row.
local AS (
    SELECT
        *,
        flight_date_days * 1440 + sched_dep_time / 100 * 60 + sched_dep_time % 100 AS local_departure,
        flight_date_days * 1440 + sched_arr_time / 100 * 60 + sched_arr_time % 100 AS local_arrival,
        -- Daylight saving time in the United States since 2007: from the second Sunday in March, 02:00, to
        -- the first Sunday in November, 02:00. The hour that March skips counts as standard time, the hour
        -- that November repeats as daylight saving time (the defaults of most time zone libraries).
        (march_8 + (7 - (march_8 + 4) % 7) % 7) * 1440 + 180 AS dst_start,
        (november_1 + (7 - (november_1 + 4) % 7) % 7) * 1440 + 120 AS dst_end
    FROM (
        SELECT
            *,
            CAST(flight_date AS INT) AS flight_date_days,
            CAST(make_date(year, 3, 8) AS INT) AS march_8,
            CAST(make_date(year, 11, 1) AS INT) AS november_1
        FROM (SELECT *, TRY_CAST(concat(year, '-', month, '-', day) AS DATE) AS flight_date FROM input)
    )
),
-- All three origins keep New York's time: UTC-5, or UTC-4 while daylight saving time lasts.
departing AS (
    SELECT
        *,
        local_departure + 300 - CASE WHEN local_departure >= dst_start AND local_departure < dst_end THEN 60 ELSE 0 END
            AS departure_minute
    FROM local
),
-- Where it goes, with what, for whom, and the weather in the hour before the scheduled one.
joined AS (
    SELECT
        departing.*,
        airlines.name AS carrier_name,
        destination.name AS dest_name,
        destination.lat AS dest_latitude,
        destination.lon AS dest_longitude,
        destination.alt AS dest_altitude,
        destination.dst AS dest_dst,
        local_arrival - destination.tz * 60 AS standard_arrival,
        plane.manufacturer AS plane_manufacturer,
        plane.model AS plane_model,
        plane.year AS plane_year,
        plane.seats AS plane_seats,
        before.temp AS temperature,
        before.dewp AS dew_point,
        before.humid AS humidity,
        before.wind_dir,
        before.wind_speed,
        before.wind_gust,
        before.precip AS precipitation,
        before.pressure,
        before.visib AS visibility
    FROM departing
    LEFT JOIN airlines ON airlines.carrier = departing.carrier
    LEFT JOIN airports AS destination ON destination.faa = departing.dest
    -- The register lists some tail numbers as the light aircraft that has them now; those are left out.
    LEFT JOIN (SELECT * FROM planes WHERE seats >= 20 AND engine LIKE 'Turbo%') AS plane
        ON plane.tailnum = departing.tailnum
    LEFT JOIN (
        -- One row for each hour, so that none multiplies flights. (No hour is there twice in 2013; `max`
        -- costs a thirtieth of `DISTINCT ON`.)
        SELECT
            origin,
            to_unixtime(time_hour) / 3600 AS hour_number,
            max(temp) AS temp,
            max(dewp) AS dewp,
            max(humid) AS humid,
            max(wind_dir) AS wind_dir,
            -- 1,048 mph is in the data, once.
            max(wind_speed) FILTER (WHERE wind_speed <= 150) AS wind_speed,
            max(wind_gust) AS wind_gust,
            max(precip) AS precip,
            max(pressure) AS pressure,
            max(visib) AS visib
        FROM weather
        GROUP BY origin, to_unixtime(time_hour) / 3600
    ) AS before ON before.origin = departing.origin AND before.hour_number = departure_minute / 60 - 1
),
-- The scheduled arrival is the first time after the departure that the destination's clock shows it.
arriving AS (
    SELECT
        *,
        CASE
            WHEN same_day_arrival > departure_minute THEN same_day_arrival
            WHEN same_day_arrival <= departure_minute THEN standard_arrival + 1440 - CASE
                WHEN dest_dst = 'A' AND local_arrival + 1440 >= dst_start AND local_arrival + 1440 < dst_end THEN 60
                ELSE 0
            END
        END AS arrival_minute
    FROM (
        SELECT
            *,
            standard_arrival - CASE
                WHEN dest_dst = 'N' THEN 0
                WHEN dest_dst = 'A' AND local_arrival >= dst_start AND local_arrival < dst_end THEN 60
                WHEN dest_dst = 'A' THEN 0
            END AS same_day_arrival
        FROM joined
    )
)
SELECT
    -- The flight.
    flight_date,
    carrier,
    carrier_name,
    flight,
    origin,
    dest,
    dest_name,
    tailnum,
    plane_manufacturer,
    plane_model,
    arrow_cast(departure_minute * 60000000, 'Timestamp(Microsecond, Some("UTC"))') AS scheduled_departure,
    arrow_cast(arrival_minute * 60000000, 'Timestamp(Microsecond, Some("UTC"))') AS scheduled_arrival,
    time_hour AS scheduled_hour,

    -- The outcome.
    CASE WHEN dep_time IS NULL THEN 'cancelled' WHEN arr_delay IS NULL THEN 'diverted' ELSE 'flown' END AS status,
    arrow_cast((departure_minute + dep_delay) * 60000000, 'Timestamp(Microsecond, Some("UTC"))') AS actual_departure,
    arrow_cast((arrival_minute + arr_delay) * 60000000, 'Timestamp(Microsecond, Some("UTC"))') AS actual_arrival,
    dep_delay AS departure_delay,
    arr_delay AS arrival_delay,
    air_time AS air_minutes,
    arr_delay > 15 AS arrived_late,

    -- The features.
    CASE carrier
        WHEN '9E' THEN 0 WHEN 'AA' THEN 1 WHEN 'AS' THEN 2 WHEN 'B6' THEN 3
        WHEN 'DL' THEN 4 WHEN 'EV' THEN 5 WHEN 'F9' THEN 6 WHEN 'FL' THEN 7
        WHEN 'HA' THEN 8 WHEN 'MQ' THEN 9 WHEN 'OO' THEN 10 WHEN 'UA' THEN 11
        WHEN 'US' THEN 12 WHEN 'VX' THEN 13 WHEN 'WN' THEN 14 WHEN 'YV' THEN 15
    END AS carrier_code,
    CASE origin WHEN 'EWR' THEN 0 WHEN 'JFK' THEN 1 WHEN 'LGA' THEN 2 END AS origin_code,
    -- 0 is Monday.
    (flight_date_days + 3) % 7 AS weekday,
    sin(hour * pi() / 12) AS hour_sin,
    cos(hour * pi() / 12) AS hour_cos,
    sin(minute * pi() / 30) AS minute_sin,
    cos(minute * pi() / 30) AS minute_cos,
    distance,
    arrival_minute - departure_minute AS scheduled_minutes,
    dest_latitude,
    dest_longitude,
    dest_altitude,
    year - plane_year AS plane_age,
    plane_seats,
    temperature,
    dew_point,
    humidity,
    wind_speed,
    wind_gust,
    -- Where the wind comes from; null if the direction varies.
    wind_speed * sin(radians(wind_dir)) AS wind_east,
    wind_speed * cos(radians(wind_dir)) AS wind_north,
    precipitation,
    pressure,
    visibility
FROM arriving
