"""A session of PyMySQL; prints what it saw as one line of JSON. Arguments: port, database, path of a CSV file."""
import json
import sys

import pymysql
from pymysql.constants import CLIENT

port, database, path = int(sys.argv[1]), sys.argv[2], sys.argv[3]
options = dict(host="127.0.0.1", port=port, user="native", password="secret", database=database, charset="utf8mb4")
seen = {}

db = pymysql.connect(**options, local_infile=True, client_flag=CLIENT.MULTI_STATEMENTS)
with db.cursor() as cursor:
    seen["affected"] = cursor.executemany(
        "INSERT INTO messages VALUES (%s, %s, %s)", [(20, 1, "one"), (20, 2, "it's \\ 海"), (20, 3, None)]
    )
    db.commit()
    cursor.execute("SELECT itemid, title FROM messages WHERE folderid = %s ORDER BY itemid", (20,))
    seen["rows"] = cursor.fetchall()
    cursor.execute("INSERT INTO messages VALUES (21, 1, 'rolled back')")
    db.rollback()
    try:
        cursor.execute("INSERT INTO messages VALUES (20, 1, 'double')")
    except pymysql.err.IntegrityError as error:
        seen["error"] = error.args[0]
    db.rollback()
    cursor.callproc("two", (9,))
    seen["call"] = [cursor.fetchall()]
    while cursor.nextset():
        seen["call"].append(cursor.fetchall())
    cursor.execute("SELECT 1; DELETE FROM messages WHERE folderid = 20 AND itemid = 3; SELECT 2")
    seen["multi"] = [cursor.fetchall()]
    while cursor.nextset():
        seen["multi"].append(cursor.fetchall() or cursor.rowcount)
    db.commit()
    big = "0123456789abcdef" * (1 << 20)
    cursor.execute("INSERT INTO bodies VALUES (3, %s)", (big,))
    db.commit()
    cursor.execute("SELECT body FROM bodies WHERE folderid = 3")
    seen["big"] = cursor.fetchone()[0] == big.encode()
    cursor.execute("LOAD DATA LOCAL INFILE %s INTO TABLE loaded FIELDS TERMINATED BY ','", (path,))
    seen["loaded"] = cursor.rowcount
    db.commit()

with pymysql.connect(**options, cursorclass=pymysql.cursors.SSCursor) as streaming:
    with streaming.cursor() as cursor:
        cursor.execute("SELECT seq FROM seq_1_to_20000")
        seen["unbuffered"] = sum(1 for _ in cursor)

with pymysql.connect(**options) as other, other.cursor() as cursor:
    cursor.execute("KILL %d" % db.thread_id())
try:
    with db.cursor() as cursor:
        cursor.execute("SELECT 1")
except pymysql.err.OperationalError as error:
    seen["killed"] = error.args[0] in (1927, 2006, 2013)
db.ping(reconnect=True)
with db.cursor() as cursor:
    cursor.execute("SELECT 1")
    seen["again"] = cursor.fetchone()
db.close()
print(json.dumps(seen, ensure_ascii=False))
