// A session of Go's database/sql with go-sql-driver/mysql.
package main

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"database/sql"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"runtime"
	"strings"

	"github.com/go-sql-driver/mysql"
)

const mebibyte = 1 << 20

type seen map[string]interface{}

func setting(name string) string { return os.Getenv("CLIENT_" + name) }

func say(line seen) {
	encoder := json.NewEncoder(os.Stdout)
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(line); err != nil {
		panic(err)
	}
}

// A step that panics is told as a fault, and the next one goes on.
func step(name string, run func() seen) {
	defer func() {
		if fault := recover(); fault != nil {
			say(seen{"step": name, "fault": fmt.Sprint(fault)})
		}
	}()
	say(seen{"step": name, "seen": run()})
}

func must(err error) {
	if err != nil {
		panic(err)
	}
}

func open(more func(*mysql.Config)) *sql.DB {
	config := mysql.NewConfig()
	config.Net, config.Addr = "tcp", "127.0.0.1:"+setting("PORT")
	config.User, config.Passwd, config.DBName = setting("USER"), setting("PASSWORD"), setting("DATABASE")
	config.AllowAllFiles, config.MultiStatements, config.MaxAllowedPacket = true, true, 64*mebibyte
	config.Params = map[string]string{"charset": "utf8mb4"}
	more(config)
	db, err := sql.Open("mysql", config.FormatDSN())
	must(err)
	return db
}

func plain(*mysql.Config) {}

// The number and the text: this driver does not tell the SQLSTATE.
func errorOf(err error) []interface{} {
	var refused *mysql.MySQLError
	if errors.As(err, &refused) {
		return []interface{}{refused.Number, refused.Message}
	}
	panic(fmt.Sprint("no error of the server: ", err))
}

// One connection of a pool, so that what a session keeps is seen.
func connection(db *sql.DB) *sql.Conn {
	conn, err := db.Conn(context.Background())
	must(err)
	return conn
}

func exec(conn *sql.Conn, statement string, values ...interface{}) int64 {
	result, err := conn.ExecContext(context.Background(), statement, values...)
	must(err)
	affected, err := result.RowsAffected()
	must(err)
	return affected
}

func query(conn *sql.Conn, statement string, values ...interface{}) *sql.Rows {
	rows, err := conn.QueryContext(context.Background(), statement, values...)
	must(err)
	return rows
}

func rowsOf(rows *sql.Rows) [][]interface{} {
	columns, err := rows.Columns()
	must(err)
	all := [][]interface{}{}
	for rows.Next() {
		values := make([]interface{}, len(columns))
		places := make([]interface{}, len(columns))
		for index := range values {
			places[index] = &values[index]
		}
		must(rows.Scan(places...))
		for index, value := range values {
			if raw, ok := value.([]byte); ok {
				values[index] = string(raw)
			}
		}
		all = append(all, values)
	}
	must(rows.Err())
	return all
}

func readAll(conn *sql.Conn, statement string, values ...interface{}) [][]interface{} {
	rows := query(conn, statement, values...)
	defer rows.Close()
	return rowsOf(rows)
}

func resultsOf(rows *sql.Rows) [][][]interface{} {
	defer rows.Close()
	results := [][][]interface{}{rowsOf(rows)}
	for rows.NextResultSet() {
		results = append(results, rowsOf(rows))
	}
	must(rows.Err())
	return results
}

func main() {
	say(seen{"version": "go-sql-driver/mysql " + setting("VERSION") + ", " + runtime.Version()})
	db := open(plain)
	conn := connection(db)
	step("connect", func() seen { return connect(conn) })
	step("refused", refused)
	step("types", func() seen { return types(conn) })
	step("prepared", func() seen { return prepared(conn) })
	step("transactions", func() seen { return transactions(db) })
	step("errors", func() seen { return failures(conn) })
	step("big values", func() seen { return bigValues(conn) })
	step("several", func() seen { return several(conn) })
	step("procedures", func() seen { return procedures(conn) })
	step("charset", func() seen { return charset(conn) })
	step("local infile", func() seen { return localInfile(conn) })
	step("streaming", func() seen { return streaming(conn) })
	step("reconnect", func() seen { return reconnect(conn) })
	step("TLS", func() seen { return seen{"rows": underTLS("PORT", 15)["rows"]} })
	step("TLS through", func() seen { return underTLS("TLSPORT", 16) })
}

func connect(conn *sql.Conn) seen {
	connection(open(plain)).Close()
	var id, pseudo int64
	var user, database, version string
	row := conn.QueryRowContext(context.Background(),
		"SELECT CONNECTION_ID(), @@pseudo_thread_id, CURRENT_USER(), DATABASE(), VERSION()")
	must(row.Scan(&id, &pseudo, &user, &database, &version))
	return seen{"same_id": id == pseudo, "user": user, "database": database, "info": version}
}

func refused() seen {
	wrong := open(func(config *mysql.Config) { config.Passwd = "wrong" })
	nowhere := open(func(config *mysql.Config) { config.DBName = "no_such_database" })
	return seen{"errors": []interface{}{errorOf(wrong.Ping()), errorOf(nowhere.Ping())}}
}

func types(conn *sql.Conn) seen {
	affected := exec(conn, `INSERT INTO facts VALUES
    (1, 12345678901234.567890, 0.1, '2024-02-29', '2024-02-29 23:59:59.123456', '-12:34:56.789', -128,
     18446744073709551615, x'005c27ff', 'ünïcode 海 🙂'), (2, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL)`)
	result := query(conn, "SELECT * FROM facts ORDER BY folderid")
	defer result.Close()
	columns, err := result.ColumnTypes()
	must(err)
	fields := []interface{}{}
	for _, column := range columns {
		nullable, _ := column.Nullable()
		precision, scale, _ := column.DecimalSize()
		fields = append(fields, []interface{}{column.Name(), column.DatabaseTypeName(), nullable, precision, scale})
	}
	rows := rowsOf(result)
	rows[0][8] = hex.EncodeToString([]byte(rows[0][8].(string)))
	return seen{"affected": affected, "title": rows[0][9], "rows": rows, "fields": fields}
}

func prepared(conn *sql.Conn) seen {
	insert, err := conn.PrepareContext(context.Background(), "INSERT INTO messages VALUES (2, ?, ?)")
	must(err)
	for item, title := range []interface{}{"one", "it's \\ 海", nil} {
		_, err := insert.Exec(item+1, title)
		must(err)
	}
	must(insert.Close())
	rows := readAll(conn, "SELECT itemid, title FROM messages WHERE folderid = ? ORDER BY itemid", 2)
	facts := readAll(conn, "SELECT price, share, day, at, clock, small, big FROM facts WHERE folderid > ? ORDER BY folderid", 0)
	ids := readAll(conn, "SELECT CONNECTION_ID(), @@pseudo_thread_id FROM DUAL WHERE 1 = ?", 1)
	exec(conn, "SET SESSION sql_mode = ?", "ANSI_QUOTES,NO_BACKSLASH_ESCAPES")
	mode := readAll(conn, "SELECT @@SESSION.sql_mode")
	exec(conn, `INSERT INTO "messages" VALUES (2, 4, 'a\')`)
	exec(conn, "SET SESSION sql_mode = DEFAULT")
	same := fmt.Sprint(ids[0][0]) == fmt.Sprint(ids[0][1])
	return seen{"rows": rows, "facts": facts, "same_id": same, "mode": mode[0][0]}
}

func transactions(db *sql.DB) seen {
	for item, end := range []func(*sql.Tx) error{(*sql.Tx).Rollback, (*sql.Tx).Commit} {
		tx, err := db.Begin()
		must(err)
		_, err = tx.Exec("INSERT INTO messages VALUES (4, ?, 'one')", item+1)
		must(err)
		for _, statement := range []string{"SAVEPOINT s", "INSERT INTO messages VALUES (4, 3, 'undone')", "ROLLBACK TO SAVEPOINT s"} {
			_, err = tx.Exec(statement)
			must(err)
		}
		must(end(tx))
	}
	conn := connection(db)
	defer conn.Close()
	exec(conn, "SET autocommit = 0")
	exec(conn, "INSERT INTO messages VALUES (4, 4, 'also committed')")
	exec(conn, "COMMIT")
	exec(conn, "SET autocommit = 1")
	return seen{"items": readAll(conn, "SELECT itemid FROM messages WHERE folderid = 4 ORDER BY 1")}
}

func failures(conn *sql.Conn) seen {
	exec(conn, "INSERT INTO messages VALUES (5, 1, 'one')")
	all := []interface{}{}
	for _, statement := range []string{"INSERT INTO messages VALUES (5, 1, 'double')", "SELEC 1", "SELECT * FROM missing"} {
		_, err := conn.ExecContext(context.Background(), statement)
		all = append(all, errorOf(err))
	}
	_, err := conn.PrepareContext(context.Background(), "SELECT missing FROM messages")
	all = append(all, errorOf(err))
	exec(conn, "INSERT IGNORE INTO messages VALUES (5, 1, 'double')")
	return seen{"errors": all, "warnings": readAll(conn, "SHOW WARNINGS"), "after": readAll(conn, "SELECT 1")[0]}
}

func bigValues(conn *sql.Conn) seen {
	text := strings.Repeat("0123456789abcdef", mebibyte/16)
	blob := bytes.Repeat([]byte("\x00\\'\xff"), mebibyte/4)
	huge := bytes.Repeat([]byte("\x00\\'\xff"), 17*mebibyte/4)
	exec(conn, "INSERT INTO bodies VALUES (6, ?, ?)", text, blob)
	exec(conn, "INSERT INTO bodies VALUES (7, NULL, ?)", huge)
	rows := readAll(conn, "SELECT text, body FROM bodies WHERE folderid IN (6, 7) ORDER BY folderid")
	return seen{"text": rows[0][0] == text, "blob": rows[0][1] == string(blob), "huge": rows[1][1] == string(huge)}
}

func several(conn *sql.Conn) seen {
	results := resultsOf(query(conn, "SELECT 1; SELECT 2"))
	exec(conn, `INSERT INTO messages VALUES (8, 1, 'a'), (8, 2, 'b');
    DELETE FROM messages WHERE folderid = 8 AND itemid = 2`)
	return seen{"results": results}
}

func procedures(conn *sql.Conn) seen {
	results := resultsOf(query(conn, "CALL two(7)"))
	prepared := resultsOf(query(conn, "CALL two(?)", 7))
	exec(conn, "CALL outs(20, @out)")
	var out int
	must(conn.QueryRowContext(context.Background(), "SELECT @out").Scan(&out))
	return seen{"results": results, "prepared": prepared, "out": out}
}

func charset(conn *sql.Conn) seen {
	latin1 := connection(open(func(config *mysql.Config) { config.Params["charset"] = "latin1" }))
	exec(latin1, "INSERT INTO messages VALUES (10, ?, ?)", 1, "\xe9")
	read := readAll(latin1, "SELECT title FROM messages WHERE folderid = 10")[0][0].(string)
	// In gbk the second byte of this character is a backslash.
	gbk := connection(open(func(config *mysql.Config) { config.Params["charset"] = "gbk" }))
	exec(gbk, "INSERT INTO messages VALUES (10, 2, '\x95\x5c')")
	stored := readAll(conn, "SELECT HEX(title) FROM messages WHERE folderid = 10 ORDER BY itemid")
	return seen{"latin1": hex.EncodeToString([]byte(read)), "stored": stored}
}

func localInfile(conn *sql.Conn) seen {
	affected := exec(conn, "LOAD DATA LOCAL INFILE '"+setting("CSV")+"' INTO TABLE loaded FIELDS TERMINATED BY ','")
	return seen{"affected": affected, "rows": readAll(conn, "SELECT * FROM loaded ORDER BY 1")}
}

func streaming(conn *sql.Conn) seen {
	rows := query(conn, `SELECT a.d + 10 * b.d + 100 * c.d + 1000 * d.d AS n, REPEAT('x', 100)
    FROM digits a, digits b, digits c, digits d ORDER BY n`)
	defer rows.Close()
	count, last := 0, 0
	for rows.Next() {
		var text string
		must(rows.Scan(&last, &text))
		count++
	}
	must(rows.Err())
	return seen{"count": count, "last": last}
}

// The pool opens another connection by itself where one is gone.
func reconnect(conn *sql.Conn) seen {
	pool := open(plain)
	pool.SetMaxOpenConns(1)
	var killed, after int64
	must(pool.QueryRow("SELECT CONNECTION_ID()").Scan(&killed))
	exec(conn, fmt.Sprint("KILL ", killed))
	// The kill is carried out a moment after it is answered.
	for len(readAll(conn, "SELECT ID FROM information_schema.PROCESSLIST WHERE ID = "+fmt.Sprint(killed))) > 0 {
	}
	result, err := pool.Exec("INSERT INTO messages VALUES (14, 1, 'again')")
	must(err)
	again, err := result.RowsAffected()
	must(err)
	must(pool.QueryRow("SELECT CONNECTION_ID()").Scan(&after))
	return seen{"lost": killed != after, "again": again}
}

func underTLS(port string, folder int) seen {
	authority, err := os.ReadFile(setting("CA"))
	must(err)
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(authority)
	must(mysql.RegisterTLSConfig("ours", &tls.Config{RootCAs: roots, ServerName: "127.0.0.1"}))
	conn := connection(open(func(config *mysql.Config) {
		config.Addr, config.TLSConfig = "127.0.0.1:"+setting(port), "ours"
	}))
	exec(conn, "INSERT INTO messages VALUES (?, 1, 'under TLS')", folder)
	cipher := readAll(conn, "SHOW SESSION STATUS LIKE 'Ssl_cipher'")[0][1]
	return seen{"rows": readAll(conn, "SELECT title FROM messages WHERE folderid = ?", folder), "encrypted": cipher != ""}
}
