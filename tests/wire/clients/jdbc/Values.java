import java.math.BigDecimal;
import java.sql.*;
import java.time.*;
import java.util.*;

/** Each type as text and as bytes, and parameters of it. */
class Values extends Jdbc {
    static void values(Connection connection, String form) {
        check("each type and its null, as " + form, () -> {
            try (PreparedStatement statement = connection.prepareStatement("SELECT * FROM types WHERE id <= ? ORDER BY id")) {
                for (int use = 0; use < 3; use++) {
                    statement.setInt(1, 4);
                    try (ResultSet rows = statement.executeQuery()) {
                        rows.next();
                        Object[] first = {1, true, 1, 2, 3L, 1.5f, 2.25, new BigDecimal("12345.6789"), "plain"};
                        for (int i = 0; i < first.length; i++) equal(rows.getObject(i + 1), first[i], rows.getMetaData().getColumnName(i + 1));
                        equal(Arrays.toString(rows.getBytes("bytes")), "[0, -1, 16]", "bytes");
                        equal(rows.getObject("day", LocalDate.class), LocalDate.of(2013, 1, 25), "day");
                        equal(rows.getObject("moment", LocalDateTime.class), LocalDateTime.parse("2013-01-25T04:05:06.789012"), "moment");
                        equal(rows.getObject("instant", OffsetDateTime.class).toInstant(), Instant.parse("2013-01-25T04:05:06.789012Z"), "instant");
                        equal(rows.getTimestamp("instant").toInstant(), Instant.parse("2013-01-25T04:05:06.789012Z"), "instant as a timestamp");
                        equal(rows.getObject("clock", LocalTime.class), LocalTime.parse("12:34:56.123456"), "clock");
                        equal(rows.getObject("span").toString(), "1 years 2 mons 3 days 4 hours 5 mins 6.5 secs", "span");
                        equal(Arrays.toString((Object[]) rows.getArray("numbers").getArray()), "[1, 2, 3]", "numbers");
                        equal(Arrays.toString((Object[]) rows.getArray("texts").getArray()), "[a, b c]", "texts");
                        rows.next();
                        for (int i = 2; i <= 17; i++) equal(rows.getObject(i), null, rows.getMetaData().getColumnName(i));
                        rows.next();
                        equal(rows.getLong("large"), Long.MIN_VALUE, "large");
                        equal(rows.getBigDecimal("exact"), new BigDecimal("-9999999999999999.9999"), "exact");
                        equal(rows.getDouble("real8"), -Double.MAX_VALUE, "real8");
                        equal(rows.getString("words"), "", "words");
                        equal(rows.getObject("day", LocalDate.class), LocalDate.of(1, 1, 1), "first day");
                        equal(((Object[]) rows.getArray("numbers").getArray()).length, 0, "no numbers");
                        rows.next();
                        equal(rows.getFloat("real4"), Float.POSITIVE_INFINITY, "real4");
                        equal(Double.isNaN(rows.getDouble("real8")), true, "real8");
                        equal(rows.getString("words").contains("🦀 e\u0301\n\ttab 'one' \"two\" back\\slash"), true, "words");
                        equal(Arrays.toString((Object[]) rows.getArray("numbers").getArray()), "[null, 5]", "numbers");
                        equal(Arrays.toString((Object[]) rows.getArray("texts").getArray()), "[, null, NULL, say \"hi\", \\, {}]", "texts");
                        equal(rows.next(), false, "rows");
                    }
                }
            }
        });
        check("parameters, as " + form, () -> parameters(connection));
    }

    static void parameters(Connection connection) throws SQLException {
        Object[][] asked = {
            {"order_id <= ?", 30L, 30}, {"order_id <= ?", 30, 30}, {"tenant = ?", "north", 333}, {"amount < ?", new BigDecimal("2.5"), 2},
            {"placed < ?", Timestamp.from(Instant.parse("2013-01-01T12:00:00Z")), 11},
            {"placed < ?", OffsetDateTime.parse("2013-01-01T12:00:00Z"), 11}, {"tenant = ? OR order_id = 1", null, 1},
        };
        for (int use = 0; use < 7; use++)
            for (Object[] each : asked)
                try (PreparedStatement statement = connection.prepareStatement("SELECT count(*) FROM orders WHERE " + each[0])) {
                    if (each[1] == null) statement.setNull(1, Types.VARCHAR);
                    else statement.setObject(1, each[1]);
                    try (ResultSet rows = statement.executeQuery()) {
                        rows.next();
                        equal(rows.getInt(1), each[2], each[0] + " " + each[1]);
                    }
                }
    }
}
