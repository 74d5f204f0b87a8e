import java.sql.*;
import java.util.*;

/** Cursors, transactions, time limits, errors, and what a tenant sees. */
class Statements extends Jdbc {
    static void statements() throws Exception {
        check("PreparedStatement's metadata", () -> {
            try (Connection connection = connect(false);
                    PreparedStatement statement = connection.prepareStatement("SELECT order_id, tenant AS who, amount, 1 + 1 FROM orders WHERE order_id > ? AND tenant = ?")) {
                ResultSetMetaData columns = statement.getMetaData();
                equal(columns.getColumnCount(), 4, "columns");
                equal(columns.getColumnLabel(2), "who", "label");
                equal(columns.getColumnTypeName(1), "int8", "type");
                equal(columns.getColumnType(3), Types.NUMERIC, "type of an amount");
                // Asks the catalogs whence a column comes, if that is known.
                columns.getTableName(1);
                columns.isNullable(1);
                columns.isAutoIncrement(1);
                ParameterMetaData parameters = statement.getParameterMetaData();
                equal(parameters.getParameterCount(), 2, "parameters");
                equal(parameters.getParameterTypeName(1), "int8", "first parameter");
            }
        });
        check("setFetchSize reads by a portal, autocommit off", () -> {
            try (Connection connection = connect(false)) {
                connection.setAutoCommit(false);
                try (PreparedStatement statement = connection.prepareStatement("SELECT n, label FROM big WHERE n <= 20000")) {
                    statement.setFetchSize(700);
                    long sum = 0;
                    try (ResultSet rows = statement.executeQuery()) {
                        while (rows.next()) sum += rows.getLong(1);
                    }
                    equal(sum, 20000L * 20001 / 2, "sum");
                    statement.setMaxRows(5);
                    equal(column(statement.executeQuery(), "n").size(), 5, "setMaxRows");
                }
                connection.commit();
            }
        });
        check("transactions, savepoints and what is refused", () -> {
            try (Connection connection = connect(false)) {
                connection.setReadOnly(true);
                connection.setTransactionIsolation(Connection.TRANSACTION_REPEATABLE_READ);
                connection.setAutoCommit(false);
                equal(one(connection, "SELECT count(*) FROM customers"), 30L, "count");
                Savepoint savepoint = connection.setSavepoint("here");
                fails(() -> one(connection, "SELECT 1 / 0"), "22012");
                fails(() -> one(connection, "SELECT 1"), "25P02");
                connection.rollback(savepoint);
                equal(one(connection, "SELECT count(*) FROM customers"), 30L, "count");
                connection.rollback();
                fails(() -> connection.createStatement().executeUpdate("DELETE FROM customers"), "25006", "42501");
                connection.rollback();
                connection.setAutoCommit(true);
                connection.setReadOnly(false);
                fails(() -> connection.createStatement().executeUpdate("INSERT INTO customers VALUES ('north', 'C1', 'New')"), "25006", "42501");
                equal(one(connection, "SELECT count(*) FROM customers"), 30L, "count");
            }
        });
        check("setQueryTimeout and cancel end a statement as 57014", () -> {
            try (Connection connection = connect(false); Statement statement = connection.createStatement()) {
                statement.setQueryTimeout(1);
                fails(() -> statement.executeQuery(SLOW), "57014");
                statement.setQueryTimeout(0);
                Thread thread = new Thread(() -> {
                    try {
                        Thread.sleep(500);
                        statement.cancel();
                    } catch (Exception error) {
                        throw new RuntimeException(error);
                    }
                });
                thread.start();
                fails(() -> statement.executeQuery(SLOW), "57014");
                thread.join();
                equal(one(connection, "SELECT 1"), 1, "after it");
            }
        });
        check("errors have their SQLSTATEs", () -> {
            try (Connection connection = connect(false)) {
                fails(() -> one(connection, "SELECT * FROM nothing"), "42P01");
                fails(() -> one(connection, "SELECT nothing FROM types"), "42703");
                fails(() -> one(connection, "SELEC 1"), "42601");
                fails(() -> one(connection, "SELECT nothing(1)"), "42883");
                fails(() -> connect(false, "password", "wrong").close(), "28P01");
            }
        });
        check("several statements in one, each with its result", () -> {
            try (Connection connection = connect(false); Statement statement = connection.createStatement()) {
                equal(statement.execute("SELECT 1; SELECT 2"), true, "first");
                equal(statement.getMoreResults(), true, "second");
                statement.getResultSet().next();
            }
        });
        check("the tenant's rows alone, prepared, by a portal and in metadata", () -> {
            try (Connection connection = connect(true)) {
                connection.setAutoCommit(false);
                try (PreparedStatement statement = connection.prepareStatement("SELECT tenant FROM orders WHERE order_id > ?")) {
                    statement.setFetchSize(50);
                    statement.setLong(1, 0);
                    List<String> tenants = column(statement.executeQuery(), "tenant");
                    equal(tenants.size(), 333, "rows");
                    equal(new HashSet<>(tenants), Set.of("north"), "tenants");
                }
                if (!REFERENCE) {
                    equal(column(connection.getMetaData().getTables(null, null, "payroll", null), "TABLE_NAME"), List.of(), "payroll");
                    equal(column(connection.getMetaData().getColumns(null, null, "payroll", null), "COLUMN_NAME"), List.of(), "payroll's columns");
                }
            }
        });
        String ca = System.getenv("WIRE_CA");
        if (ca != null)
            check("TLS, with the certificate checked", () -> {
                try (Connection connection = connect(false, "sslmode", "verify-full", "sslrootcert", ca)) {
                    equal(one(connection, "SELECT count(*) FROM orders"), 999L, "count");
                }
            });
    }
}
