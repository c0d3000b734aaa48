<?php
// A session of PHP's PDO; prints what it saw as one line of JSON. Arguments: port, database, "emulated" or "native".
[, $port, $database, $prepares] = $argv;
$seen = [];
$open = fn (): PDO => new PDO("mysql:host=127.0.0.1;port=$port;dbname=$database;charset=utf8mb4", 'native', 'secret', [
    PDO::ATTR_ERRMODE => PDO::ERRMODE_EXCEPTION,
    PDO::ATTR_EMULATE_PREPARES => $prepares === 'emulated',
    PDO::ATTR_DEFAULT_FETCH_MODE => PDO::FETCH_NUM,
    PDO::ATTR_STRINGIFY_FETCHES => true,
]);
$db = $open();

$insert = $db->prepare('INSERT INTO messages VALUES (:folder, :item, :title)');
foreach ([[1, 'one'], [2, "it's \\ ünïcode 海"], [3, null]] as [$item, $title]) {
    $insert->execute(['folder' => 10, 'item' => $item, 'title' => $title]);
}
$select = $db->prepare('SELECT itemid, title FROM messages WHERE folderid = ? AND itemid IN (?, ?, ?) ORDER BY itemid');
$select->execute([10, 1, 2, 3]);
$seen['rows'] = $select->fetchAll();

$call = $db->prepare('CALL two(?)');
$call->execute([8]);
do {
    if ($call->columnCount() > 0) {
        $seen['call'][] = $call->fetchAll();
    }
} while ($call->nextRowset());
$call->closeCursor();

$id = $db->prepare('SELECT CONNECTION_ID(), @@pseudo_thread_id');
$id->execute();
[$one, $two] = $id->fetch();
$seen['same_id'] = $one === $two;
$id->closeCursor();
$mode = $db->prepare("SET SESSION sql_mode = ?");
$mode->execute(['STRICT_ALL_TABLES,NO_BACKSLASH_ESCAPES']);
$seen['mode'] = $db->query('SELECT @@SESSION.sql_mode')->fetch();
$db->exec("SET SESSION sql_mode = DEFAULT");

$db->beginTransaction();
$db->exec("INSERT INTO messages VALUES (11, 1, 'rolled back')");
$db->rollBack();
$db->beginTransaction();
$db->exec("INSERT INTO messages VALUES (11, 2, 'committed')");
$seen['deleted'] = $db->exec('DELETE FROM messages WHERE folderid = 10 AND itemid = 3');
$db->commit();

try {
    $db->exec("INSERT INTO messages VALUES (11, 2, 'double')");
} catch (PDOException $error) {
    $seen['error'] = [$error->getCode(), $error->errorInfo[1]];
}
$big = str_repeat("\x00\x5c'\xff", 1 << 20);
$body = $db->prepare('INSERT INTO bodies VALUES (2, ?)');
$body->bindValue(1, $big, PDO::PARAM_LOB);
$body->execute();
$seen['big'] = $db->query('SELECT body FROM bodies WHERE folderid = 2')->fetchColumn() === $big;
$db->exec('DELETE FROM bodies WHERE folderid = 2');
$db->setAttribute(PDO::MYSQL_ATTR_USE_BUFFERED_QUERY, false);
$rows = $db->query('SELECT seq FROM seq_1_to_20000');
$seen['unbuffered'] = iterator_count($rows);
$rows->closeCursor();
$db = null;
$seen['again'] = $open()->query('SELECT COUNT(*) FROM messages WHERE folderid = 10')->fetch();
echo json_encode($seen, JSON_UNESCAPED_UNICODE), "\n";
