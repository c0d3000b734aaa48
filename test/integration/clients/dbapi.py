"""A session of PyMySQL or mysqlclient, which share an interface. Argument: "pymysql" or "MySQLdb"."""
import importlib
import json
import os
import sys

driver = importlib.import_module(sys.argv[1])
cursors = importlib.import_module(sys.argv[1] + ".cursors")
CLIENT = importlib.import_module(sys.argv[1] + ".constants.CLIENT")
PYMYSQL = sys.argv[1] == "pymysql"
MEBIBYTE = 1 << 20
LOST = (1317, 1927, 2006, 2013, 4031)
DATABASE = "database" if PYMYSQL else "db"
PASSWORD = "password" if PYMYSQL else "passwd"


def setting(name):
    return os.environ.get("CLIENT_" + name, "")


def connect(**more):
    options = {
        "host": "127.0.0.1",
        "port": int(setting("PORT")),
        "user": setting("USER"),
        PASSWORD: setting("PASSWORD"),
        DATABASE: setting("DATABASE"),
        "charset": "utf8mb4",
        "local_infile": True,
        "client_flag": CLIENT.MULTI_STATEMENTS,
    }
    if PYMYSQL:
        options["max_allowed_packet"] = 64 * MEBIBYTE
    return driver.connect(**{**options, **more})


def plain(value):
    """Bytes as hex, and what JSON does not know as text."""
    if isinstance(value, (list, tuple)):
        return [plain(each) for each in value]
    if isinstance(value, (bytes, bytearray)):
        return value.hex()
    return value if isinstance(value, (type(None), bool, int, float, str)) else str(value)


def say(**line):
    print(json.dumps(line, ensure_ascii=False), flush=True)


def step(name):
    """A step that throws is told as a fault, and the next one goes on."""

    def run(function):
        try:
            say(step=name, seen=function())
        except Exception as error:
            say(step=name, fault="%s: %s" % (type(error).__name__, error))

    return run


def error_of(function):
    """The number and the text: neither driver tells the SQLSTATE."""
    try:
        function()
    except driver.Error as error:
        return list(error.args)
    return []


def rows_of(db, sql, values=None):
    with db.cursor() as cursor:
        cursor.execute(sql, values)
        return plain(cursor.fetchall())


def results_of(cursor):
    results = []
    while True:
        results.append(plain(cursor.fetchall()) if cursor.description else cursor.rowcount)
        if not cursor.nextset():
            return results


def version():
    if PYMYSQL:
        return "PyMySQL " + driver.__version__
    library = driver._mysql.get_client_info()
    return "mysqlclient %s, Connector/C %s" % (driver.__version__, library)


say(version=version())
db = connect()


@step("connect")
def _():
    connect().close()
    (thread, user, database), = rows_of(db, "SELECT CONNECTION_ID(), CURRENT_USER(), DATABASE()")
    return {"same_id": thread == db.thread_id(), "user": user, "database": database, "info": db.get_server_info()}


@step("refused")
def _():
    return {
        "errors": [
            error_of(lambda: connect(**{PASSWORD: "wrong"})),
            error_of(lambda: connect(**{DATABASE: "no_such_database"})),
        ]
    }


@step("types")
def _():
    with db.cursor() as cursor:
        affected = cursor.execute(
            """INSERT INTO facts VALUES
            (1, 12345678901234.567890, 0.1, '2024-02-29', '2024-02-29 23:59:59.123456', '-12:34:56.789', -128,
             18446744073709551615, x'005c27ff', 'ünïcode 海 🙂'),
            (2, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL)"""
        )
        db.commit()
        cursor.execute("SELECT * FROM facts ORDER BY folderid")
        rows = cursor.fetchall()
        return {"affected": affected, "title": rows[0][9], "rows": plain(rows), "fields": plain(cursor.description)}


@step("transactions")
def _():
    with db.cursor() as cursor:
        cursor.execute("INSERT INTO messages VALUES (4, 1, 'rolled back')")
        db.rollback()
        db.begin() if PYMYSQL else cursor.execute("BEGIN")
        cursor.execute("INSERT INTO messages VALUES (4, 2, 'committed')")
        cursor.execute("SAVEPOINT s")
        cursor.execute("INSERT INTO messages VALUES (4, 3, 'undone')")
        cursor.execute("ROLLBACK TO SAVEPOINT s")
        db.commit()
        db.autocommit(True)
        cursor.execute("INSERT INTO messages VALUES (4, 4, 'also committed')")
    return {"items": rows_of(db, "SELECT itemid FROM messages WHERE folderid = 4 ORDER BY 1")}


@step("errors")
def _():
    with db.cursor() as cursor:
        cursor.execute("INSERT INTO messages VALUES (5, 1, 'one')")
        statements = [
            "INSERT INTO messages VALUES (5, 1, 'double')",
            "SELEC 1",
            "SELECT * FROM missing",
            "SELECT missing FROM messages",
        ]
        errors = [error_of(lambda: cursor.execute(sql)) for sql in statements]
    with db.cursor() as cursor:
        cursor.execute("INSERT IGNORE INTO messages VALUES (5, 1, 'double')")
    return {"errors": errors, "warnings": rows_of(db, "SHOW WARNINGS"), "after": rows_of(db, "SELECT 1")[0]}


@step("big values")
def _():
    text, blob, huge = "0123456789abcdef" * (MEBIBYTE // 16), b"\0\\'\xff" * (MEBIBYTE // 4), b"\0\\'\xff" * (17 * MEBIBYTE // 4)
    with db.cursor() as cursor:
        cursor.execute("INSERT INTO bodies VALUES (6, %s, %s)", (text, blob))
        cursor.execute("INSERT INTO bodies VALUES (7, NULL, %s)", (huge,))
        cursor.execute("SELECT text, body FROM bodies WHERE folderid IN (6, 7) ORDER BY folderid")
        small, large = cursor.fetchall()
    return {"text": small[0] == text, "blob": small[1] == blob, "huge": large[1] == huge}


@step("several")
def _():
    with db.cursor() as cursor:
        cursor.execute(
            "SELECT 1; INSERT INTO messages VALUES (8, 1, 'a'), (8, 2, 'b');"
            " DELETE FROM messages WHERE folderid = 8 AND itemid = 2; SELECT 2"
        )
        results = results_of(cursor)
    cursor = db.cursor()

    def fail():
        cursor.execute("SELECT 3; SELECT missing")
        results_of(cursor)

    return {"results": results, "error": error_of(fail)}


@step("procedures")
def _():
    with db.cursor() as cursor:
        cursor.callproc("two", (7,))
        results = results_of(cursor)
    with db.cursor() as cursor:
        cursor.execute("CALL outs(20, @out)")
    return {"results": results[:2], "all": results, "out": int(rows_of(db, "SELECT @out")[0][0])}


@step("charset")
def _():
    latin1 = connect(charset="latin1", autocommit=True)
    with latin1.cursor() as cursor:
        cursor.execute("INSERT INTO messages VALUES (10, 1, %s)", ("é",))
        cursor.execute("SELECT title FROM messages WHERE folderid = 10")
        read = cursor.fetchone()[0]
    # In gbk the second byte of this character is a backslash.
    gbk = connect(charset="gbk", autocommit=True)
    with gbk.cursor() as cursor:
        cursor.execute("INSERT INTO messages VALUES (10, 2, '\u661e')")
    stored = rows_of(db, "SELECT HEX(title) FROM messages WHERE folderid = 10 ORDER BY itemid")
    return {"latin1": read.encode("latin1").hex(), "stored": stored}


@step("local infile")
def _():
    with db.cursor() as cursor:
        affected = cursor.execute("LOAD DATA LOCAL INFILE %s INTO TABLE loaded FIELDS TERMINATED BY ','", (setting("CSV"),))
    return {"affected": affected, "rows": rows_of(db, "SELECT * FROM loaded ORDER BY 1")}


@step("streaming")
def _():
    streaming = connect(cursorclass=cursors.SSCursor)
    count = last = 0
    with streaming.cursor() as cursor:
        cursor.execute(
            "SELECT a.d + 10 * b.d + 100 * c.d + 1000 * d.d AS n, REPEAT('x', 100)"
            " FROM digits a, digits b, digits c, digits d ORDER BY n"
        )
        for row in cursor:
            count, last = count + 1, row[0]
    return {"count": count, "last": last}


@step("bulk")
def _():
    rows = [(11, item, "title %d" % item) for item in range(3000)]
    with db.cursor() as cursor:
        affected = cursor.executemany("INSERT INTO messages VALUES (%s, %s, %s)", rows)
    return {"affected": affected, "count": rows_of(db, "SELECT COUNT(*) FROM messages WHERE folderid = 11")[0][0]}


if not PYMYSQL:

    @step("session")
    def _():
        other = connect(autocommit=True)
        rows_of(other, "SET @mine = 1")
        other.change_user(setting("USER"), setting("PASSWORD"), setting("DATABASE"))
        other.autocommit(True)
        rows_of(other, "INSERT INTO messages VALUES (13, 1, 'changed')")
        return {"changed": True, "forgotten": rows_of(other, "SELECT @mine")[0][0] is None}


@step("reconnect")
def _():
    other = connect(autocommit=True)
    rows_of(db, "KILL %d" % other.thread_id())
    lost = error_of(lambda: rows_of(other, "SELECT 1"))
    if PYMYSQL:
        other.ping(reconnect=True)
    else:
        other = connect(autocommit=True)
    with other.cursor() as cursor:
        return {"lost": lost[0] in LOST, "again": cursor.execute("INSERT INTO messages VALUES (14, 1, 'again')")}


if not PYMYSQL:

    @step("compression")
    def _():
        other = connect(compress=True, autocommit=True)
        rows_of(other, "INSERT INTO messages VALUES (12, 1, REPEAT('compressed ', 10))")
        return {"rows": rows_of(other, "SELECT title FROM messages WHERE folderid = 12")}


def under_tls(port, folder):
    tls = {"ca": setting("CA"), **({"check_hostname": True} if PYMYSQL else {})}
    other = connect(port=int(setting(port)), ssl=tls, autocommit=True)
    rows_of(other, "INSERT INTO messages VALUES (%d, 1, 'under TLS')" % folder)
    cipher = rows_of(other, "SHOW SESSION STATUS LIKE 'Ssl_cipher'")[0][1]
    return cipher != "", rows_of(other, "SELECT title FROM messages WHERE folderid = %d" % folder)


@step("TLS")
def _():
    return {"rows": under_tls("PORT", 15)[1]}


@step("TLS through")
def _():
    encrypted, rows = under_tls("TLSPORT", 16)
    return {"rows": rows, "encrypted": encrypted}
