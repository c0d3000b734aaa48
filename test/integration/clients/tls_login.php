<?php
// Logs in to each target of its last argument (JSON) by mysqli and by PDO; prints what came of each, as JSON.
// A target: {"port", "user", "password", "ca": path or null}.
mysqli_report(MYSQLI_REPORT_OFF);

const QUESTION = "SELECT CONCAT(CURRENT_USER(), ' ', HEX(CONCAT(CHAR(0), REPEAT('x', 3))))";

function by_mysqli(array $target): array
{
    $client = mysqli_init();
    $client->options(MYSQLI_OPT_CONNECT_TIMEOUT, 20);
    $flags = 0;
    if ($target['ca'] !== null) {
        $client->ssl_set(null, null, $target['ca'], null, null);
        $flags = MYSQLI_CLIENT_SSL;
    }
    if (!@$client->real_connect('127.0.0.1', $target['user'], $target['password'], '', $target['port'], null, $flags)) {
        return ['errno' => $client->connect_errno, 'error' => $client->connect_error];
    }
    return ['answer' => $client->query(QUESTION)->fetch_row()[0]];
}

function by_pdo(array $target): array
{
    $options = [PDO::ATTR_ERRMODE => PDO::ERRMODE_EXCEPTION, PDO::ATTR_TIMEOUT => 20];
    if ($target['ca'] !== null) {
        $options[PDO::MYSQL_ATTR_SSL_CA] = $target['ca'];
    }
    try {
        $client = new PDO("mysql:host=127.0.0.1;port={$target['port']}", $target['user'], $target['password'], $options);
        return ['answer' => $client->query(QUESTION)->fetchColumn()];
    } catch (PDOException $fault) {
        return ['errno' => $fault->errorInfo[1] ?? 0, 'error' => $fault->getMessage()];
    }
}

$by = $argv[1] === 'pdo' ? by_pdo(...) : by_mysqli(...);
echo json_encode(array_map($by, json_decode($argv[2], true)));
