<?php
// What the PHP sessions of the matrix share: one line of JSON a step, and the settings from the environment.

function setting(string $name): string
{
    return getenv("CLIENT_$name") ?: '';
}

function say(array $line): void
{
    echo json_encode($line, JSON_UNESCAPED_UNICODE | JSON_THROW_ON_ERROR), "\n";
}

/** A step that throws is told as a fault, and the next one goes on. */
function step(string $name, callable $run): void
{
    try {
        say(['step' => $name, 'seen' => $run()]);
    } catch (Throwable $error) {
        say(['step' => $name, 'fault' => get_class($error) . ': ' . $error->getMessage() . ' at line ' . $error->getLine()]);
    }
}

const MEBIBYTE = 1 << 20;
const LOST = [1317, 1927, 2006, 2013, 4031];
const TYPES = "INSERT INTO facts VALUES
    (1, 12345678901234.567890, 0.1, '2024-02-29', '2024-02-29 23:59:59.123456', '-12:34:56.789', -128,
     18446744073709551615, x'005c27ff', 'ünïcode 海 🙂'), (2, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL)";
const STREAM = "SELECT a.d + 10 * b.d + 100 * c.d + 1000 * d.d AS n, REPEAT('x', 100) FROM digits a, digits b, digits c,
    digits d ORDER BY n";

function bigText(): string
{
    return str_repeat('0123456789abcdef', MEBIBYTE / 16);
}

function bigBlob(int $mebibytes): string
{
    return str_repeat("\x00\x5c'\xff", $mebibytes * MEBIBYTE / 4);
}
