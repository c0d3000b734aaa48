<?php
// A session of PHP's mysqli.
require __DIR__ . '/step.php';
mysqli_report(MYSQLI_REPORT_ERROR | MYSQLI_REPORT_STRICT);

function open(array $with = []): mysqli
{
    $with += ['user' => setting('USER'), 'password' => setting('PASSWORD'), 'database' => setting('DATABASE'),
        'port' => setting('PORT'), 'flags' => 0];
    $db = mysqli_init();
    $db->options(MYSQLI_OPT_LOCAL_INFILE, true);
    if (isset($with['ca'])) {
        $db->options(MYSQLI_OPT_SSL_VERIFY_SERVER_CERT, true);
        $db->ssl_set(null, null, $with['ca'], null, null);
    }
    $db->real_connect('127.0.0.1', $with['user'], $with['password'], $with['database'], (int) $with['port'], null, $with['flags']);
    $db->set_charset('utf8mb4');
    return $db;
}

function errorOf(callable $run): array
{
    try {
        $run();
    } catch (mysqli_sql_exception $error) {
        return [$error->getCode(), $error->getSqlState(), $error->getMessage()];
    }
    return [];
}

function resultsOf(mysqli $db): array
{
    $results = [];
    do {
        $result = $db->store_result();
        $results[] = $result ? $result->fetch_all() : $db->affected_rows;
    } while ($db->more_results() && $db->next_result());
    return $results;
}

function callPrepared(mysqli_stmt $call): array
{
    $call->execute();
    $results = [];
    do {
        $result = $call->get_result();
        if ($result) {
            $results[] = $result->fetch_all();
        }
    } while ($call->more_results() && $call->next_result());
    return $results;
}

say(['version' => 'PHP ' . PHP_VERSION . ', ' . mysqli_get_client_info()]);
$db = open();

step('connect', function () use ($db) {
    open()->close();
    [$id, $user, $database] = $db->query('SELECT CONNECTION_ID(), CURRENT_USER(), DATABASE()')->fetch_row();
    return ['same_id' => (int) $id === $db->thread_id, 'user' => $user, 'database' => $database, 'info' => $db->server_info];
});

step('refused', fn () => ['errors' => [
    errorOf(fn () => open(['password' => 'wrong'])),
    errorOf(fn () => open(['database' => 'no_such_database'])),
]]);

step('types', function () use ($db) {
    $affected = $db->query(TYPES) ? $db->affected_rows : 0;
    $result = $db->query('SELECT * FROM facts ORDER BY folderid');
    $fields = array_map(fn ($field) => [$field->name, $field->type, $field->flags, $field->length], $result->fetch_fields());
    $rows = $result->fetch_all();
    $rows[0][8] = bin2hex($rows[0][8]);
    return ['affected' => $affected, 'title' => $rows[0][9], 'rows' => $rows, 'fields' => $fields];
});

// Other proxies broke on these: CONNECTION_ID() and SET, prepared.
step('prepared', function () use ($db) {
    $insert = $db->prepare('INSERT INTO messages VALUES (2, ?, ?)');
    foreach ([[1, 'one'], [2, "it's \\ 海"], [3, null]] as [$item, $title]) {
        $insert->bind_param('is', $item, $title);
        $insert->execute();
    }
    $insert->close();
    $select = $db->prepare('SELECT itemid, title FROM messages WHERE folderid = ? ORDER BY itemid');
    $folder = 2;
    $select->bind_param('i', $folder);
    $select->execute();
    $rows = $select->get_result()->fetch_all();
    $select->attr_set(MYSQLI_STMT_ATTR_CURSOR_TYPE, MYSQLI_CURSOR_TYPE_READ_ONLY);
    $select->execute();
    $select->bind_result($item, $title);
    $cursor = [];
    while ($select->fetch()) {
        $cursor[] = [$item, $title];
    }
    $select->close();
    $facts = $db->prepare('SELECT price, share, day, at, clock, small, big FROM facts ORDER BY folderid');
    $facts->execute();
    $facts = $facts->get_result()->fetch_all();
    $id = $db->prepare('SELECT CONNECTION_ID()');
    $id->execute();
    $sameId = $id->get_result()->fetch_row()[0] === $db->thread_id;
    $mode = $db->prepare("SET SESSION sql_mode = 'ANSI_QUOTES,NO_BACKSLASH_ESCAPES'");
    $mode->execute();
    $seen = $db->query('SELECT @@SESSION.sql_mode')->fetch_row();
    $db->query("INSERT INTO \"messages\" VALUES (2, 4, 'a\\')");
    $db->query('SET SESSION sql_mode = DEFAULT');
    return ['rows' => $rows, 'cursor' => $cursor, 'facts' => $facts, 'same_id' => $sameId, 'mode' => $seen[0]];
});

step('transactions', function () use ($db) {
    $db->begin_transaction();
    $db->query("INSERT INTO messages VALUES (4, 1, 'rolled back')");
    $db->rollback();
    $db->begin_transaction();
    $db->query("INSERT INTO messages VALUES (4, 2, 'committed')");
    $db->savepoint('s');
    $db->query("INSERT INTO messages VALUES (4, 3, 'undone')");
    $db->query('ROLLBACK TO SAVEPOINT s');
    $db->commit();
    $db->autocommit(false);
    $db->query("INSERT INTO messages VALUES (4, 4, 'also committed')");
    $db->commit();
    $db->autocommit(true);
    return ['items' => $db->query('SELECT itemid FROM messages WHERE folderid = 4 ORDER BY 1')->fetch_all()];
});

step('errors', function () use ($db) {
    $db->query("INSERT INTO messages VALUES (5, 1, 'one')");
    $errors = array_map(fn ($sql) => errorOf(fn () => $db->query($sql)), [
        "INSERT INTO messages VALUES (5, 1, 'double')", 'SELEC 1', 'SELECT * FROM missing',
    ]);
    $errors[] = errorOf(fn () => $db->prepare('SELECT missing FROM messages'));
    $db->query("INSERT IGNORE INTO messages VALUES (5, 1, 'double')");
    $warnings = $db->query('SHOW WARNINGS')->fetch_all();
    return ['errors' => $errors, 'warnings' => $warnings, 'after' => $db->query('SELECT 1')->fetch_row()];
});

step('big values', function () use ($db) {
    [$text, $blob] = [bigText(), bigBlob(1)];
    $insert = $db->prepare('INSERT INTO bodies VALUES (6, ?, ?)');
    $insert->bind_param('ss', $text, $blob);
    $insert->execute();
    $long = $db->prepare('INSERT INTO bodies VALUES (7, NULL, ?)');
    $null = null;
    $long->bind_param('b', $null);
    $huge = bigBlob(17);
    foreach (str_split($huge, MEBIBYTE) as $piece) {
        $long->send_long_data(0, $piece);
    }
    $long->execute();
    $rows = $db->query('SELECT text, body FROM bodies WHERE folderid IN (6, 7) ORDER BY folderid')->fetch_all();
    return ['text' => $rows[0][0] === $text, 'blob' => $rows[0][1] === $blob, 'huge' => $rows[1][1] === $huge];
});

step('several', function () use ($db) {
    $db->multi_query("SELECT 1; INSERT INTO messages VALUES (8, 1, 'a'), (8, 2, 'b'); DELETE FROM messages WHERE folderid = 8 AND itemid = 2; SELECT 2");
    $results = resultsOf($db);
    $db->multi_query('SELECT 3; SELECT missing');
    return ['results' => $results, 'error' => errorOf(fn () => resultsOf($db))];
});

// Other proxies broke on this: a prepared CALL with several results, twice.
step('procedures', function () use ($db) {
    $call = $db->prepare('CALL two(?)');
    $argument = 7;
    $call->bind_param('i', $argument);
    $prepared = [callPrepared($call), callPrepared($call)];
    $call->close();
    $db->multi_query('CALL two(7)');
    $text = resultsOf($db);
    $db->query('CALL outs(20, @out)');
    return ['results' => $prepared[0], 'prepared' => $prepared, 'text' => $text,
        'out' => (int) $db->query('SELECT @out')->fetch_row()[0]];
});

step('charset', function () use ($db) {
    $db->set_charset('latin1');
    $db->query("INSERT INTO messages VALUES (10, 1, '\xe9')");
    $read = bin2hex($db->query('SELECT title FROM messages WHERE folderid = 10')->fetch_row()[0]);
    // In gbk the second byte of this character is a backslash.
    $db->set_charset('gbk');
    $db->query("INSERT INTO messages VALUES (10, 2, '\x95\x5c')");
    $db->set_charset('utf8mb4');
    return ['latin1' => $read,
        'stored' => $db->query('SELECT HEX(title) FROM messages WHERE folderid = 10 ORDER BY itemid')->fetch_all()];
});

step('local infile', function () use ($db) {
    $db->query("LOAD DATA LOCAL INFILE '" . $db->real_escape_string(setting('CSV')) . "' INTO TABLE loaded FIELDS TERMINATED BY ','");
    return ['affected' => $db->affected_rows, 'rows' => $db->query('SELECT * FROM loaded ORDER BY 1')->fetch_all()];
});

step('streaming', function () use ($db) {
    $result = $db->query(STREAM, MYSQLI_USE_RESULT);
    for ($count = 0, $last = 0; $row = $result->fetch_row(); $count++) {
        $last = $row[0];
    }
    return ['count' => $count, 'last' => (int) $last];
});

step('session', function () {
    $db = open();
    $db->query('SET @mine = 1');
    $changed = $db->change_user(setting('USER'), setting('PASSWORD'), setting('DATABASE'));
    $db->query("INSERT INTO messages VALUES (13, 1, 'changed')");
    return ['changed' => $changed, 'forgotten' => $db->query('SELECT @mine')->fetch_row()[0] === null];
});

step('reconnect', function () use ($db) {
    $other = open();
    $db->query('KILL ' . $other->thread_id);
    $lost = errorOf(function () use ($other) {
        $other->query('SELECT 1');
    });
    $other = open();
    $other->query("INSERT INTO messages VALUES (14, 1, 'again')");
    return ['lost' => in_array($lost[0], LOST, true), 'again' => $other->affected_rows];
});

function underTls(string $port, int $folder): array
{
    $db = open(['port' => setting($port), 'ca' => setting('CA'), 'flags' => MYSQLI_CLIENT_SSL]);
    $db->query("INSERT INTO messages VALUES ($folder, 1, 'under TLS')");
    $cipher = $db->query("SHOW SESSION STATUS LIKE 'Ssl_cipher'")->fetch_row()[1];
    return [$cipher !== '', $db->query("SELECT title FROM messages WHERE folderid = $folder")->fetch_all()];
}

step('TLS', fn () => ['rows' => underTls('PORT', 15)[1]]);

step('TLS through', function () {
    [$encrypted, $rows] = underTls('TLSPORT', 16);
    return ['rows' => $rows, 'encrypted' => $encrypted];
});

// mysqlnd compresses by its own flag, whatever the server offers.
step('compression', function () {
    $db = open(['flags' => MYSQLI_CLIENT_COMPRESS]);
    $db->query("INSERT INTO messages VALUES (12, 1, REPEAT('compressed ', 10))");
    return ['rows' => $db->query('SELECT title FROM messages WHERE folderid = 12')->fetch_all()];
});
