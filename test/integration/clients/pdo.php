<?php
// A session of PHP's PDO. Argument: "emulated" or "native" prepares.
require __DIR__ . '/step.php';

function open(array $with = [], array $options = []): PDO
{
    $with += ['password' => setting('PASSWORD'), 'database' => setting('DATABASE'), 'port' => setting('PORT'), 'charset' => 'utf8mb4'];
    return new PDO(
        "mysql:host=127.0.0.1;port={$with['port']};dbname={$with['database']};charset={$with['charset']}",
        setting('USER'),
        $with['password'],
        $options + [
            PDO::ATTR_ERRMODE => PDO::ERRMODE_EXCEPTION,
            PDO::ATTR_EMULATE_PREPARES => $GLOBALS['argv'][1] === 'emulated',
            PDO::ATTR_DEFAULT_FETCH_MODE => PDO::FETCH_NUM,
            PDO::MYSQL_ATTR_LOCAL_INFILE => true,
        ],
    );
}

function errorOf(callable $run): array
{
    try {
        $run();
    } catch (PDOException $error) {
        return [$error->errorInfo[1] ?? $error->getCode(), $error->errorInfo[0] ?? '', $error->errorInfo[2] ?? $error->getMessage()];
    }
    return [];
}

function resultsOf(PDOStatement $statement): array
{
    $results = [];
    do {
        $results[] = $statement->columnCount() > 0 ? $statement->fetchAll() : $statement->rowCount();
    } while ($statement->nextRowset());
    $statement->closeCursor();
    return $results;
}

$db = open();
say(['version' => 'PHP ' . PHP_VERSION . ', ' . $db->getAttribute(PDO::ATTR_CLIENT_VERSION)]);

step('connect', function () use ($db) {
    open();
    [$id, $two, $user, $database] = $db->query('SELECT CONNECTION_ID(), @@pseudo_thread_id, CURRENT_USER(), DATABASE()')->fetch();
    return ['same_id' => (int) $id === (int) $two, 'user' => $user, 'database' => $database, 'info' => $db->getAttribute(PDO::ATTR_SERVER_VERSION)];
});

step('refused', fn () => ['errors' => [
    errorOf(fn () => open(['password' => 'wrong'])),
    errorOf(fn () => open(['database' => 'no_such_database'])),
]]);

step('types', function () use ($db) {
    $affected = $db->exec(TYPES);
    $select = $db->query('SELECT * FROM facts ORDER BY folderid');
    $fields = array_map(fn ($column) => $select->getColumnMeta($column), range(0, 9));
    $rows = $select->fetchAll();
    $rows[0][8] = bin2hex($rows[0][8]);
    return ['affected' => $affected, 'title' => $rows[0][9], 'rows' => $rows, 'fields' => $fields];
});

// Other proxies broke on these: CONNECTION_ID() and SET, prepared.
step('prepared', function () use ($db) {
    $insert = $db->prepare('INSERT INTO messages VALUES (:folder, :item, :title)');
    foreach ([[1, 'one'], [2, "it's \\ 海"], [3, null]] as [$item, $title]) {
        $insert->execute(['folder' => 2, 'item' => $item, 'title' => $title]);
    }
    $select = $db->prepare('SELECT itemid, title FROM messages WHERE folderid = ? AND itemid IN (?, ?, ?) ORDER BY itemid');
    $select->execute([2, 1, 2, 3]);
    $rows = $select->fetchAll();
    $facts = $db->prepare('SELECT price, share, day, at, clock, small, big FROM facts WHERE folderid > ? ORDER BY folderid');
    $facts->execute([0]);
    $id = $db->prepare('SELECT CONNECTION_ID(), @@pseudo_thread_id');
    $id->execute();
    [$one, $two] = $id->fetch();
    $id->closeCursor();
    $mode = $db->prepare('SET SESSION sql_mode = ?');
    $mode->execute(['ANSI_QUOTES,NO_BACKSLASH_ESCAPES']);
    $seen = $db->query('SELECT @@SESSION.sql_mode')->fetch();
    $db->exec("INSERT INTO \"messages\" VALUES (2, 4, 'a\\')");
    $db->exec('SET SESSION sql_mode = DEFAULT');
    return ['rows' => $rows, 'facts' => $facts->fetchAll(), 'same_id' => (int) $one === (int) $two, 'mode' => $seen[0]];
});

step('transactions', function () use ($db) {
    $db->beginTransaction();
    $db->exec("INSERT INTO messages VALUES (4, 1, 'rolled back')");
    $db->rollBack();
    $db->beginTransaction();
    $db->exec("INSERT INTO messages VALUES (4, 2, 'committed')");
    $db->exec('SAVEPOINT s');
    $db->exec("INSERT INTO messages VALUES (4, 3, 'undone')");
    $db->exec('ROLLBACK TO SAVEPOINT s');
    $db->commit();
    $db->setAttribute(PDO::ATTR_AUTOCOMMIT, 0);
    $db->exec("INSERT INTO messages VALUES (4, 4, 'also committed')");
    $db->exec('COMMIT');
    $db->setAttribute(PDO::ATTR_AUTOCOMMIT, 1);
    return ['items' => $db->query('SELECT itemid FROM messages WHERE folderid = 4 ORDER BY 1')->fetchAll()];
});

step('errors', function () use ($db) {
    $db->exec("INSERT INTO messages VALUES (5, 1, 'one')");
    $errors = array_map(fn ($sql) => errorOf(fn () => $db->exec($sql)), [
        "INSERT INTO messages VALUES (5, 1, 'double')", 'SELEC 1', 'SELECT * FROM missing',
    ]);
    $errors[] = errorOf(fn () => $db->prepare('SELECT missing FROM messages')->execute());
    $db->exec("INSERT IGNORE INTO messages VALUES (5, 1, 'double')");
    $warnings = $db->query('SHOW WARNINGS')->fetchAll();
    return ['errors' => $errors, 'warnings' => $warnings, 'after' => $db->query('SELECT 1')->fetch()];
});

step('big values', function () use ($db) {
    [$text, $blob, $huge] = [bigText(), bigBlob(1), bigBlob(17)];
    $insert = $db->prepare('INSERT INTO bodies VALUES (?, ?, ?)');
    foreach ([[6, $text, $blob], [7, null, $huge]] as [$folder, $one, $two]) {
        $insert->bindValue(1, $folder, PDO::PARAM_INT);
        $insert->bindValue(2, $one);
        $insert->bindValue(3, $two, PDO::PARAM_LOB);
        $insert->execute();
    }
    $rows = $db->query('SELECT text, body FROM bodies WHERE folderid IN (6, 7) ORDER BY folderid')->fetchAll();
    return ['text' => $rows[0][0] === $text, 'blob' => $rows[0][1] === $blob, 'huge' => $rows[1][1] === $huge];
});

// Prepared on the server, a text is one statement.
if ($argv[1] === 'emulated') {
    step('several', function () use ($db) {
        $several = $db->query("SELECT 1; INSERT INTO messages VALUES (8, 1, 'a'), (8, 2, 'b'); DELETE FROM messages WHERE folderid = 8 AND itemid = 2; SELECT 2");
        $results = resultsOf($several);
        return ['results' => $results, 'error' => errorOf(fn () => resultsOf($db->query('SELECT 3; SELECT missing')))];
    });
}

// Other proxies broke on this: a prepared CALL with several results, twice.
step('procedures', function () use ($db) {
    $call = $db->prepare('CALL two(?)');
    $prepared = [];
    for ($time = 0; $time < 2; $time++) {
        $call->execute([7]);
        $prepared[] = resultsOf($call);
    }
    $db->exec('CALL outs(20, @out)');
    return ['results' => array_slice($prepared[0], 0, 2), 'prepared' => $prepared,
        'out' => (int) $db->query('SELECT @out')->fetch()[0]];
});

step('charset', function () {
    $db = open(['charset' => 'latin1']);
    $insert = $db->prepare('INSERT INTO messages VALUES (10, ?, ?)');
    $insert->execute([1, "\xe9"]);
    $read = bin2hex($db->query('SELECT title FROM messages WHERE folderid = 10')->fetch()[0]);
    // In gbk the second byte of this character is a backslash.
    $db = open(['charset' => 'gbk']);
    $insert = $db->prepare('INSERT INTO messages VALUES (10, ?, ?)');
    $insert->execute([2, "\x95\x5c"]);
    return ['latin1' => $read,
        'stored' => $db->query('SELECT HEX(title) FROM messages WHERE folderid = 10 ORDER BY itemid')->fetchAll()];
});

step('local infile', function () use ($db) {
    $affected = $db->exec('LOAD DATA LOCAL INFILE ' . $db->quote(setting('CSV')) . " INTO TABLE loaded FIELDS TERMINATED BY ','");
    return ['affected' => $affected, 'rows' => $db->query('SELECT * FROM loaded ORDER BY 1')->fetchAll()];
});

step('streaming', function () {
    $db = open([], [PDO::MYSQL_ATTR_USE_BUFFERED_QUERY => false]);
    $result = $db->query(STREAM);
    for ($count = 0, $last = 0; $row = $result->fetch(); $count++) {
        $last = $row[0];
    }
    return ['count' => $count, 'last' => (int) $last];
});

step('reconnect', function () use ($db) {
    $other = open();
    $db->exec('KILL ' . $other->query('SELECT CONNECTION_ID()')->fetch()[0]);
    $lost = errorOf(fn () => @$other->query('SELECT 1'));
    $other = open();
    return ['lost' => in_array($lost[0], LOST, true), 'again' => $other->exec("INSERT INTO messages VALUES (14, 1, 'again')")];
});

function underTls(string $port, int $folder): array
{
    $options = [PDO::MYSQL_ATTR_SSL_CA => setting('CA'), PDO::MYSQL_ATTR_SSL_VERIFY_SERVER_CERT => true];
    $db = open(['port' => setting($port)], $options);
    $db->exec("INSERT INTO messages VALUES ($folder, 1, 'under TLS')");
    $cipher = $db->query("SHOW SESSION STATUS LIKE 'Ssl_cipher'")->fetch()[1];
    return [$cipher !== '', $db->query("SELECT title FROM messages WHERE folderid = $folder")->fetchAll()];
}

step('TLS', fn () => ['rows' => underTls('PORT', 15)[1]]);

step('TLS through', function () {
    [$encrypted, $rows] = underTls('TLSPORT', 16);
    return ['rows' => $rows, 'encrypted' => $encrypted];
});

// mysqlnd compresses by its own flag, whatever the server offers.
step('compression', function () {
    $db = open([], [PDO::MYSQL_ATTR_COMPRESS => true]);
    $db->exec("INSERT INTO messages VALUES (12, 1, REPEAT('compressed ', 10))");
    return ['rows' => $db->query('SELECT title FROM messages WHERE folderid = 12')->fetchAll()];
});
