// A session of MariaDB Connector/J, with statements prepared on the server.
import java.io.PrintStream;
import java.math.BigInteger;
import java.nio.charset.StandardCharsets;
import java.sql.CallableStatement;
import java.sql.Connection;
import java.sql.DriverManager;
import java.sql.PreparedStatement;
import java.sql.ResultSet;
import java.sql.ResultSetMetaData;
import java.sql.SQLException;
import java.sql.Savepoint;
import java.sql.Statement;
import java.sql.Types;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HexFormat;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;

public class Session {
    static final int MEBIBYTE = 1 << 20;
    static final Set<Integer> LOST = Set.of(1317, 1927, 2006, 2013, 4031);
    static final PrintStream OUT = new PrintStream(System.out, true, StandardCharsets.UTF_8);

    interface Step { Map<String, Object> run() throws Exception; }

    interface Attempt { void run() throws SQLException; }

    static String setting(String name) {
        return System.getenv().getOrDefault("CLIENT_" + name, "");
    }

    static Connection open(String more) throws SQLException {
        return open(setting("DATABASE"), setting("PASSWORD"), setting("PORT"), more);
    }

    static Connection open(String database, String password, String port, String more) throws SQLException {
        String options = "?useServerPrepStmts=true&allowPublicKeyRetrieval=true&allowMultiQueries=true&allowLocalInfile=true" + more;
        return DriverManager.getConnection("jdbc:mariadb://127.0.0.1:" + port + "/" + database + options, setting("USER"), password);
    }

    static String json(Object value) {
        if (value instanceof Map<?, ?> map) {
            List<String> fields = new ArrayList<>();
            map.forEach((key, each) -> fields.add(json(key) + ":" + json(each)));
            return "{" + String.join(",", fields) + "}";
        }
        if (value instanceof List<?> list) {
            return "[" + String.join(",", list.stream().map(Session::json).toList()) + "]";
        }
        if (value == null || value instanceof Boolean || value instanceof Integer || value instanceof Long) {
            return String.valueOf(value);
        }
        StringBuilder text = new StringBuilder("\"");
        for (char each : value.toString().toCharArray()) {
            if (each == '"' || each == '\\') text.append('\\').append(each);
            else if (each < ' ') text.append(String.format("\\u%04x", (int) each));
            else text.append(each);
        }
        return text.append('"').toString();
    }

    /** A step that throws is told as a fault, and the next one goes on. */
    static void step(String name, Step run) {
        try {
            OUT.println(json(of("step", name, "seen", run.run())));
        } catch (Exception error) {
            OUT.println(json(of("step", name, "fault", error.toString())));
        }
    }

    static Map<String, Object> of(Object... pairs) {
        Map<String, Object> map = new LinkedHashMap<>();
        for (int at = 0; at < pairs.length; at += 2) map.put((String) pairs[at], pairs[at + 1]);
        return map;
    }

    /** The driver puts the connection's id and port before the server's text. */
    static List<Object> errorOf(Attempt attempt) {
        try {
            attempt.run();
        } catch (SQLException error) {
            return Arrays.asList(error.getErrorCode(), error.getSQLState(), error.getMessage().replaceAll("\\((?:conn|port)=-?\\d+\\) ?", ""));
        }
        return List.of();
    }

    static List<Object> rowsOf(ResultSet result) throws SQLException {
        List<Object> rows = new ArrayList<>();
        int columns = result.getMetaData().getColumnCount();
        while (result.next()) {
            List<Object> row = new ArrayList<>();
            for (int column = 1; column <= columns; column++) {
                Object value = result.getObject(column);
                row.add(value instanceof byte[] bytes ? HexFormat.of().formatHex(bytes) : value);
            }
            rows.add(row);
        }
        return rows;
    }

    static List<Object> read(Connection db, String sql) throws SQLException {
        try (Statement statement = db.createStatement()) {
            return rowsOf(statement.executeQuery(sql));
        }
    }

    static int run(Connection db, String sql) throws SQLException {
        try (Statement statement = db.createStatement()) {
            return statement.executeUpdate(sql);
        }
    }

    static List<Object> resultsOf(Statement statement, boolean first) throws SQLException {
        List<Object> results = new ArrayList<>();
        boolean rows = first;
        while (rows || statement.getUpdateCount() >= 0) {
            results.add(rows ? rowsOf(statement.getResultSet()) : (Object) statement.getUpdateCount());
            rows = statement.getMoreResults();
        }
        return results;
    }

    static Object first(List<Object> rows) {
        return ((List<?>) rows.get(0)).get(0);
    }

    public static void main(String[] args) throws Exception {
        Connection db = open("");
        String java = System.getProperty("java.version");
        OUT.println(json(of("version", db.getMetaData().getDriverName() + " " + db.getMetaData().getDriverVersion() + ", Java " + java)));
        step("connect", () -> connect(db));
        step("refused", () -> of("errors", List.of(
            errorOf(() -> open(setting("DATABASE"), "wrong", setting("PORT"), "")),
            errorOf(() -> open("no_such_database", setting("PASSWORD"), setting("PORT"), "")))));
        step("types", () -> types(db));
        step("prepared", () -> prepared(db));
        step("transactions", () -> transactions(db));
        step("errors", () -> errors(db));
        step("big values", () -> bigValues(db));
        step("several", () -> several(db));
        step("procedures", () -> procedures(db));
        step("local infile", () -> localInfile(db));
        step("streaming", () -> streaming(db));
        step("bulk", () -> bulk(db));
        step("reconnect", () -> reconnect(db));
        step("compression", () -> compression());
        step("TLS", () -> of("rows", underTls("PORT", 15).get("rows")));
        step("TLS through", () -> underTls("TLSPORT", 16));
    }

    static Map<String, Object> connect(Connection db) throws SQLException {
        open("").close();
        List<?> row = (List<?>) read(db, "SELECT CONNECTION_ID() = @@pseudo_thread_id, CURRENT_USER(), DATABASE()").get(0);
        return of("same_id", row.get(0).toString().equals("1"), "user", row.get(1), "database", row.get(2),
            "info", db.getMetaData().getDatabaseProductVersion());
    }

    static Map<String, Object> types(Connection db) throws SQLException {
        int affected = run(db, """
            INSERT INTO facts VALUES
            (1, 12345678901234.567890, 0.1, '2024-02-29', '2024-02-29 23:59:59.123456', '-12:34:56.789', -128,
             18446744073709551615, x'005c27ff', 'ünïcode 海 🙂'), (2, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL)""");
        // A negative TIME is none to the driver: it is read as text.
        ResultSet result = db.createStatement().executeQuery("SELECT folderid, price, share, day, at,"
            + " CAST(clock AS CHAR) AS clock, small, big, raw, title FROM facts ORDER BY folderid");
        ResultSetMetaData columns = result.getMetaData();
        List<Object> fields = new ArrayList<>();
        for (int column = 1; column <= columns.getColumnCount(); column++) {
            fields.add(Arrays.asList(columns.getColumnName(column), columns.getColumnTypeName(column), columns.getPrecision(column), columns.getScale(column)));
        }
        List<Object> rows = rowsOf(result);
        return of("affected", affected, "title", ((List<?>) rows.get(0)).get(9), "rows", rows, "fields", fields);
    }

    static Map<String, Object> prepared(Connection db) throws SQLException {
        try (PreparedStatement insert = db.prepareStatement("INSERT INTO messages VALUES (2, ?, ?)")) {
            String[] titles = {"one", "it's \\ 海", null};
            for (int item = 0; item < titles.length; item++) {
                insert.setInt(1, item + 1);
                insert.setString(2, titles[item]);
                insert.executeUpdate();
            }
        }
        List<Object> rows;
        try (PreparedStatement select = db.prepareStatement("SELECT itemid, title FROM messages WHERE folderid = ? ORDER BY itemid")) {
            select.setLong(1, 2);
            rows = rowsOf(select.executeQuery());
        }
        List<Object> facts;
        try (PreparedStatement select = db.prepareStatement("SELECT price, share, day, at, small, big FROM facts WHERE big = ? OR big IS NULL ORDER BY folderid")) {
            select.setObject(1, new BigInteger("18446744073709551615"));
            facts = rowsOf(select.executeQuery());
        }
        Object same;
        try (PreparedStatement id = db.prepareStatement("SELECT CONNECTION_ID() = @@pseudo_thread_id")) {
            same = first(rowsOf(id.executeQuery()));
        }
        try (PreparedStatement mode = db.prepareStatement("SET SESSION sql_mode = ?")) {
            mode.setString(1, "ANSI_QUOTES,NO_BACKSLASH_ESCAPES");
            mode.execute();
        }
        Object mode = first(read(db, "SELECT @@SESSION.sql_mode"));
        run(db, "INSERT INTO \"messages\" VALUES (2, 4, 'a\\')");
        run(db, "SET SESSION sql_mode = DEFAULT");
        return of("rows", rows, "facts", facts, "same_id", same.toString().equals("1"), "mode", mode);
    }

    static Map<String, Object> transactions(Connection db) throws SQLException {
        db.setAutoCommit(false);
        run(db, "INSERT INTO messages VALUES (4, 1, 'rolled back')");
        db.rollback();
        run(db, "INSERT INTO messages VALUES (4, 2, 'committed')");
        Savepoint savepoint = db.setSavepoint();
        run(db, "INSERT INTO messages VALUES (4, 3, 'undone')");
        db.rollback(savepoint);
        db.commit();
        run(db, "INSERT INTO messages VALUES (4, 4, 'also committed')");
        db.setAutoCommit(true);
        return of("items", read(db, "SELECT itemid FROM messages WHERE folderid = 4 ORDER BY 1"));
    }

    static Map<String, Object> errors(Connection db) throws SQLException {
        run(db, "INSERT INTO messages VALUES (5, 1, 'one')");
        List<Object> errors = new ArrayList<>();
        for (String sql : List.of("INSERT INTO messages VALUES (5, 1, 'double')", "SELEC 1", "SELECT * FROM missing")) {
            errors.add(errorOf(() -> run(db, sql)));
        }
        errors.add(errorOf(() -> db.prepareStatement("SELECT missing FROM messages").executeQuery()));
        run(db, "INSERT IGNORE INTO messages VALUES (5, 1, 'double')");
        return of("errors", errors, "warnings", read(db, "SHOW WARNINGS"), "after", read(db, "SELECT 1").get(0));
    }

    static byte[] blob(int mebibytes) {
        byte[] piece = {0, '\\', '\'', (byte) 0xff};
        byte[] blob = new byte[mebibytes * MEBIBYTE];
        for (int at = 0; at < blob.length; at++) blob[at] = piece[at % piece.length];
        return blob;
    }

    static Map<String, Object> bigValues(Connection db) throws SQLException {
        String text = "0123456789abcdef".repeat(MEBIBYTE / 16);
        byte[] blob = blob(1);
        byte[] huge = blob(17);
        try (PreparedStatement insert = db.prepareStatement("INSERT INTO bodies VALUES (?, ?, ?)")) {
            insert.setInt(1, 6);
            insert.setString(2, text);
            insert.setBytes(3, blob);
            insert.executeUpdate();
            insert.setInt(1, 7);
            insert.setString(2, null);
            insert.setBytes(3, huge);
            insert.executeUpdate();
        }
        try (Statement statement = db.createStatement()) {
            ResultSet rows = statement.executeQuery("SELECT text, body FROM bodies WHERE folderid IN (6, 7) ORDER BY folderid");
            rows.next();
            boolean sameText = text.equals(rows.getString(1));
            boolean sameBlob = Arrays.equals(blob, rows.getBytes(2));
            rows.next();
            return of("text", sameText, "blob", sameBlob, "huge", Arrays.equals(huge, rows.getBytes(2)));
        }
    }

    static Map<String, Object> several(Connection db) throws SQLException {
        try (Statement statement = db.createStatement()) {
            boolean rows = statement.execute("SELECT 1; INSERT INTO messages VALUES (8, 1, 'a'), (8, 2, 'b');"
                + " DELETE FROM messages WHERE folderid = 8 AND itemid = 2; SELECT 2");
            List<Object> results = resultsOf(statement, rows);
            return of("results", results, "error", errorOf(() -> resultsOf(statement, statement.execute("SELECT 3; SELECT missing"))));
        }
    }

    static Map<String, Object> procedures(Connection db) throws SQLException {
        List<Object> prepared = new ArrayList<>();
        try (CallableStatement call = db.prepareCall("{CALL two(?)}")) {
            for (int time = 0; time < 2; time++) {
                call.setInt(1, 7);
                prepared.add(resultsOf(call, call.execute()));
            }
        }
        try (CallableStatement call = db.prepareCall("{CALL outs(?, ?)}")) {
            call.setInt(1, 20);
            call.registerOutParameter(2, Types.INTEGER);
            call.execute();
            return of("results", ((List<?>) prepared.get(0)).subList(0, 2), "prepared", prepared, "out", call.getInt(2));
        }
    }

    static Map<String, Object> localInfile(Connection db) throws SQLException {
        int affected = run(db, "LOAD DATA LOCAL INFILE '" + setting("CSV") + "' INTO TABLE loaded FIELDS TERMINATED BY ','");
        return of("affected", affected, "rows", read(db, "SELECT * FROM loaded ORDER BY 1"));
    }

    static Map<String, Object> streaming(Connection db) throws SQLException {
        try (Statement statement = db.createStatement()) {
            statement.setFetchSize(100);
            ResultSet rows = statement.executeQuery("SELECT a.d + 10 * b.d + 100 * c.d + 1000 * d.d AS n, REPEAT('x', 100)"
                + " FROM digits a, digits b, digits c, digits d ORDER BY n");
            int count = 0;
            int last = 0;
            for (; rows.next(); count++) last = rows.getInt(1);
            return of("count", count, "last", last);
        }
    }

    /** MariaDB's bulk execution, where the server has it; else pipelined executions. */
    static Map<String, Object> bulk(Connection db) throws SQLException {
        try (PreparedStatement insert = db.prepareStatement("INSERT INTO messages VALUES (11, ?, ?)")) {
            for (int item = 0; item < 3000; item++) {
                insert.setInt(1, item);
                insert.setString(2, item % 10 == 0 ? null : "title " + item);
                insert.addBatch();
            }
            int results = insert.executeBatch().length;
            return of("affected", results, "count", first(read(db, "SELECT COUNT(*) FROM messages WHERE folderid = 11")));
        }
    }

    static Map<String, Object> reconnect(Connection db) throws SQLException {
        Connection other = open("");
        run(db, "KILL " + first(read(other, "SELECT CONNECTION_ID()")));
        List<Object> lost = errorOf(() -> run(other, "INSERT INTO messages VALUES (14, 2, 'lost')"));
        boolean gone = lost.get(1).toString().startsWith("08") || LOST.contains(lost.get(0));
        try (Connection again = open("")) {
            return of("lost", gone, "again", run(again, "INSERT INTO messages VALUES (14, 1, 'again')"));
        }
    }

    static Map<String, Object> underTls(String port, int folder) throws SQLException {
        String tls = "&useSsl=true&serverSslCert=" + setting("CA");
        try (Connection db = open(setting("DATABASE"), setting("PASSWORD"), setting(port), tls)) {
            run(db, "INSERT INTO messages VALUES (" + folder + ", 1, 'under TLS')");
            List<?> cipher = (List<?>) read(db, "SHOW SESSION STATUS LIKE 'Ssl_cipher'").get(0);
            List<Object> rows = read(db, "SELECT title FROM messages WHERE folderid = " + folder);
            return of("rows", rows, "encrypted", !cipher.get(1).equals(""));
        }
    }

    static Map<String, Object> compression() throws SQLException {
        try (Connection db = open("&useCompression=true")) {
            run(db, "INSERT INTO messages VALUES (12, 1, REPEAT('compressed ', 10))");
            return of("rows", read(db, "SELECT title FROM messages WHERE folderid = 12"));
        }
    }
}
