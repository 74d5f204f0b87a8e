import java.sql.*;
import java.util.*;

/** What getTables and its like find, as Metabase and DBeaver ask for it. */
class Metadata extends Jdbc {
    static void metadata(Connection connection, DatabaseMetaData meta) {
        check("getDatabaseProductName and versions", () -> {
            equal(meta.getDatabaseProductName(), "PostgreSQL", "product");
            equal(meta.getDatabaseMajorVersion() >= 12, true, "version " + meta.getDatabaseMajorVersion());
            equal(connection.getCatalog(), "wasmill", "catalog");
            equal(connection.getSchema(), "public", "schema");
            equal(connection.isValid(5), true, "valid");
            meta.getSQLKeywords();
            meta.getMaxColumnNameLength();
            meta.getNumericFunctions();
            connection.getTransactionIsolation();
        });
        check("getTables", () -> {
            for (String schema : new String[] {null, "public", "%"})
                for (String[] kinds : new String[][] {null, {"TABLE", "VIEW"}, {"TABLE", "VIEW", "FOREIGN TABLE", "MATERIALIZED VIEW", "PARTITIONED TABLE"}}) {
                    Set<String> names = new HashSet<>();
                    try (ResultSet rows = meta.getTables(null, schema, "%", kinds)) {
                        while (rows.next()) {
                            if (!"public".equals(rows.getString("TABLE_SCHEM"))) continue;
                            names.add(rows.getString("TABLE_NAME"));
                            String kind = rows.getString("TABLE_TYPE"), remarks = rows.getString("REMARKS");
                            equal(kind.equals("TABLE") || kind.equals("VIEW"), true, kind);
                            if (rows.getString("TABLE_NAME").equals("orders") && remarks != null && !remarks.isEmpty())
                                equal(remarks, "Orders of three tenants.", "remarks");
                        }
                    }
                    equal(names, TABLES, schema + " " + Arrays.toString(kinds));
                }
            equal(column(meta.getTables("wasmill", "public", "ord%", null), "TABLE_NAME"), List.of("orders"), "by a pattern");
            equal(column(meta.getTables(null, "public", "nothing", null), "TABLE_NAME"), List.of(), "nothing");
        });
        check("getColumns", () -> {
            List<String> names = new ArrayList<>(), kinds = new ArrayList<>();
            List<Integer> types = new ArrayList<>(), places = new ArrayList<>();
            try (ResultSet rows = meta.getColumns(null, "public", "types", "%")) {
                while (rows.next()) {
                    names.add(rows.getString("COLUMN_NAME"));
                    kinds.add(rows.getString("TYPE_NAME"));
                    types.add(rows.getInt("DATA_TYPE"));
                    places.add(rows.getInt("ORDINAL_POSITION"));
                    rows.getString("COLUMN_DEF");
                    equal(rows.getString("IS_AUTOINCREMENT"), "NO", "IS_AUTOINCREMENT");
                    if (rows.getString("COLUMN_NAME").equals("exact") && rows.getInt("COLUMN_SIZE") != 0 && rows.getInt("COLUMN_SIZE") < 1000)
                        equal(rows.getInt("COLUMN_SIZE") + "," + rows.getInt("DECIMAL_DIGITS"), "20,4", "numeric");
                }
            }
            equal(names, List.of("id", "flag", "small", "whole", "large", "real4", "real8", "exact", "words", "bytes", "day", "moment",
                "instant", "clock", "span", "numbers", "texts"), "names");
            equal(kinds, List.of("int4", "bool", "int2", "int4", "int8", "float4", "float8", "numeric", "text", "bytea", "date", "timestamp",
                "timestamptz", "time", "interval", "_int4", "_text"), "types");
            equal(types.subList(0, 9), List.of(Types.INTEGER, Types.BIT, Types.SMALLINT, Types.INTEGER, Types.BIGINT, Types.REAL, Types.DOUBLE,
                Types.NUMERIC, Types.VARCHAR), "numbers of types");
            equal(places.get(16), 17, "place of the last");
            equal(new HashSet<>(column(meta.getColumns(null, "%", "customers", null), "COLUMN_NAME")), Set.of("tenant", "customer", "name"), "customers");
        });
        check("getPrimaryKeys, getImportedKeys, getExportedKeys, getIndexInfo, getBestRowIdentifier", () -> {
            for (String table : TABLES) {
                equal(column(meta.getPrimaryKeys(null, "public", table), "COLUMN_NAME"), List.of(), table);
                equal(column(meta.getImportedKeys(null, "public", table), "FKCOLUMN_NAME"), List.of(), table);
                equal(column(meta.getExportedKeys(null, "public", table), "FKCOLUMN_NAME"), List.of(), table);
                equal(column(meta.getIndexInfo(null, "public", table, false, true), "INDEX_NAME"), List.of(), table);
                column(meta.getBestRowIdentifier(null, "public", table, DatabaseMetaData.bestRowSession, true), "COLUMN_NAME");
                column(meta.getVersionColumns(null, "public", table), "COLUMN_NAME");
            }
            column(meta.getCrossReference(null, "public", "orders", null, "public", "customers"), "FKCOLUMN_NAME");
        });
        check("getTypeInfo", () -> {
            List<String> names = column(meta.getTypeInfo(), "TYPE_NAME");
            equal(names.containsAll(List.of("int4", "text", "numeric", "timestamptz", "bool", "bytea", "_int4")), true, names.toString());
        });
        check("getCatalogs, getSchemas, getTableTypes", () -> {
            equal(column(meta.getCatalogs(), "TABLE_CAT").contains("wasmill"), true, "catalogs");
            equal(column(meta.getSchemas(), "TABLE_SCHEM").contains("public"), true, "schemas");
            equal(column(meta.getSchemas(null, "pub%"), "TABLE_SCHEM"), List.of("public"), "schemas by a pattern");
            equal(column(meta.getTableTypes(), "TABLE_TYPE").containsAll(List.of("TABLE", "VIEW")), true, "kinds of tables");
        });
        check("getFunctions, getProcedures, getUDTs, getTablePrivileges, getColumnPrivileges, getClientInfoProperties", () -> {
            column(meta.getFunctions(null, "public", "%"), "FUNCTION_NAME");
            column(meta.getFunctionColumns(null, "public", "%", "%"), "FUNCTION_NAME");
            column(meta.getProcedures(null, "public", "%"), "PROCEDURE_NAME");
            column(meta.getUDTs(null, "public", "%", null), "TYPE_NAME");
            column(meta.getTablePrivileges(null, "public", "%"), "PRIVILEGE");
            column(meta.getColumnPrivileges(null, "public", "orders", "%"), "PRIVILEGE");
            column(meta.getClientInfoProperties(), "NAME");
        });
    }
}
