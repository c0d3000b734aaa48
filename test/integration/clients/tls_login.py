"""Logs in to each target of its argument (JSON) by PyMySQL; prints what came of each, as JSON.

A target: {"port", "user", "password", "ca": path or null}.
"""
import json
import sys

import pymysql

QUESTION = "SELECT CONCAT(CURRENT_USER(), ' ', HEX(CONCAT(CHAR(0), REPEAT('x', 3))))"


def log_in(target):
    ssl = None if target["ca"] is None else {"ca": target["ca"]}
    try:
        client = pymysql.connect(
            host="127.0.0.1",
            port=target["port"],
            user=target["user"],
            password=target["password"],
            ssl=ssl,
            ssl_disabled=ssl is None,
            connect_timeout=20,
        )
    except pymysql.MySQLError as fault:
        return {"errno": fault.args[0], "error": str(fault.args[1])}
    except RuntimeError as fault:  # a method whose library is not installed
        return {"errno": 0, "error": str(fault)}
    with client.cursor() as cursor:
        cursor.execute(QUESTION)
        return {"answer": cursor.fetchone()[0]}


json.dump([log_in(target) for target in json.loads(sys.argv[1])], sys.stdout)
