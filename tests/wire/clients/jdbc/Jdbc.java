import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.sql.*;
import java.util.*;

/** PostgreSQL's driver for JDBC: a line for each check of the other files. */
public class Jdbc {
    interface Check {
        void run() throws Exception;
    }

    static final String SLOW = "SELECT sum((a.n * b.n) % 7) FROM big a CROSS JOIN big b";
    static final Set<String> TABLES = Set.of("types", "orders", "customers", "big", "payroll");
    static final PrintStream OUT = new PrintStream(System.out, true, StandardCharsets.UTF_8);
    static final boolean REFERENCE = "1".equals(System.getenv("WIRE_REFERENCE"));

    static Connection connect(boolean tenant, String... options) throws SQLException {
        String prefix = tenant ? "WIRE_TENANT_" : "WIRE_";
        Properties properties = new Properties();
        properties.put("user", System.getenv(prefix + "USER"));
        properties.put("password", System.getenv(prefix + "PASSWORD"));
        for (int i = 0; i < options.length; i += 2) properties.put(options[i], options[i + 1]);
        String url = "jdbc:postgresql://" + System.getenv("WIRE_HOST") + ":" + System.getenv("WIRE_PORT") + "/wasmill";
        return DriverManager.getConnection(url, properties);
    }

    static void check(String name, Check check) {
        try {
            check.run();
            OUT.println(name);
        } catch (Throwable wrong) {
            OUT.println(name + "\t" + wrong.toString().replaceAll("\\s+", " "));
        }
    }

    static void equal(Object found, Object expected, String what) {
        if (!Objects.equals(found, expected)) throw new AssertionError(what + ": expected " + expected + ", found " + found);
    }

    static List<String> column(ResultSet rows, String name) throws SQLException {
        List<String> found = new ArrayList<>();
        try (rows) {
            while (rows.next()) found.add(rows.getString(name));
        }
        return found;
    }

    static Object one(Connection connection, String sql) throws SQLException {
        try (Statement statement = connection.createStatement(); ResultSet rows = statement.executeQuery(sql)) {
            rows.next();
            return rows.getObject(1);
        }
    }

    static void fails(Check check, String... codes) throws Exception {
        try {
            check.run();
        } catch (SQLException error) {
            if (!List.of(codes).contains(error.getSQLState()))
                throw new AssertionError("expected " + List.of(codes) + ", found " + error.getSQLState() + " " + error.getMessage());
            return;
        }
        throw new AssertionError("nothing failed as " + List.of(codes));
    }

    public static void main(String[] arguments) throws Exception {
        try (Connection connection = connect(false)) {
            Metadata.metadata(connection, connection.getMetaData());
        }
        for (String binary : new String[] {"false", "true"}) {
            // -1: bytes from the first use on; 0: never prepared by name.
            try (Connection connection = connect(false, "prepareThreshold", binary.equals("true") ? "-1" : "0", "binaryTransfer", binary)) {
                Values.values(connection, binary.equals("true") ? "bytes" : "text");
            }
        }
        try (Connection connection = connect(false, "preferQueryMode", "simple")) {
            check("values and parameters in simple queries", () -> Values.parameters(connection));
        }
        Statements.statements();
    }
}
