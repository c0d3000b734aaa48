<?php
// A session of PHP's mysqli; prints what it saw as one line of JSON. Arguments: port, database, path of a CSV file.
mysqli_report(MYSQLI_REPORT_ERROR | MYSQLI_REPORT_STRICT);
[, $port, $database, $file] = $argv;
$seen = [];

$db = mysqli_init();
$db->options(MYSQLI_OPT_LOCAL_INFILE, true);
$db->real_connect('127.0.0.1', 'native', 'secret', $database, (int) $port);
$db->set_charset('utf8mb4');

$db->query("INSERT INTO messages VALUES (1, 1, 'text'), (1, 2, 'ünïcode 海')");
$seen['affected'] = $db->affected_rows;
$seen['text'] = $db->query('SELECT itemid, title FROM messages WHERE folderid = 1 ORDER BY itemid')->fetch_all();

$insert = $db->prepare('INSERT INTO messages VALUES (?, ?, ?)');
$folder = 2;
$title = 'prepared';
$insert->bind_param('iis', $folder, $item, $title);
for ($item = 1; $item <= 3; $item++) {
    $insert->execute();
}
$insert->close();
$select = $db->prepare('SELECT title FROM messages WHERE folderid = ? ORDER BY itemid');
$select->bind_param('i', $folder);
$select->execute();
$seen['prepared'] = $select->get_result()->fetch_all();
$select->close();

// Other proxies broke on these: a prepared CALL with several results, CONNECTION_ID(), and a prepared SET.
$call = $db->prepare('CALL two(?)');
$argument = 7;
$call->bind_param('i', $argument);
for ($time = 0; $time < 2; $time++) {
    $call->execute();
    $results = [];
    do {
        $result = $call->get_result();
        if ($result) {
            $results[] = $result->fetch_all();
        }
    } while ($call->more_results() && $call->next_result());
    $seen['call'][] = $results;
}
$call->close();
$db->query("CALL outs(20, @out)");
$seen['out'] = $db->query('SELECT @out')->fetch_row();

$id = $db->prepare('SELECT CONNECTION_ID()');
$id->execute();
$seen['same_id'] = $id->get_result()->fetch_row()[0] === $db->thread_id;
$id->close();

$mode = $db->prepare("SET SESSION sql_mode = 'NO_BACKSLASH_ESCAPES,ANSI_QUOTES'");
$mode->execute();
$mode->close();
$seen['mode'] = $db->query('SELECT @@SESSION.sql_mode')->fetch_row();
$db->query("INSERT INTO \"messages\" VALUES (3, 1, 'a\\')");
$db->query("SET SESSION sql_mode = DEFAULT");

$db->begin_transaction();
$db->query("INSERT INTO messages VALUES (4, 1, 'rolled back')");
$db->rollback();
$db->begin_transaction();
$db->query("INSERT INTO messages VALUES (4, 2, 'committed')");
$db->commit();

try {
    $db->query("INSERT INTO messages VALUES (4, 2, 'double')");
} catch (mysqli_sql_exception $error) {
    $seen['error'] = [$error->getCode(), $error->getSqlState()];
}

$db->multi_query('SELECT 1; DELETE FROM messages WHERE folderid = 2 AND itemid = 3; SELECT 2');
do {
    $result = $db->store_result();
    $seen['multi'][] = $result ? $result->fetch_row() : $db->affected_rows;
} while ($db->next_result());

$big = str_repeat('0123456789abcdef', 1 << 20);
$long = $db->prepare('INSERT INTO bodies VALUES (1, ?)');
$null = null;
$long->bind_param('b', $null);
foreach (str_split($big, 1 << 20) as $piece) {
    $long->send_long_data(0, $piece);
}
$long->execute();
$long->close();
$seen['big'] = $db->query('SELECT body FROM bodies WHERE folderid = 1')->fetch_row()[0] === $big;

$unbuffered = $db->query('SELECT seq FROM seq_1_to_20000', MYSQLI_USE_RESULT);
$seen['unbuffered'] = 0;
while ($unbuffered->fetch_row()) {
    $seen['unbuffered']++;
}
$unbuffered->free();

$db->query("LOAD DATA LOCAL INFILE '" . $db->real_escape_string($file) . "' INTO TABLE loaded FIELDS TERMINATED BY ','");
$seen['loaded'] = $db->affected_rows;

$seen['changed'] = $db->change_user('empty', '', $database);
$seen['user'] = $db->query('SELECT CURRENT_USER()')->fetch_row();
$killed = $db->thread_id;
try {
    $db->query("KILL $killed");
    $db->query('SELECT 1');
} catch (mysqli_sql_exception $error) {
    $seen['killed'] = in_array($error->getCode(), [1317, 1927, 2006, 2013], true);
}
$again = new mysqli('127.0.0.1', 'native', 'secret', $database, (int) $port);
$seen['again'] = $again->query('SELECT 1')->fetch_row();
try {
    new mysqli('127.0.0.1', 'native', 'wrong', $database, (int) $port);
} catch (mysqli_sql_exception $error) {
    $seen['refused'] = $error->getCode();
}
echo json_encode($seen, JSON_UNESCAPED_UNICODE), "\n";
