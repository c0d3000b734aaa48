<?php
// What WordPress is told instead of by its wp-config.php; the folder, the port and the database come by the environment.

foreach (['HTTP_HOST' => 'localhost', 'SERVER_NAME' => 'localhost', 'REQUEST_URI' => '/', 'REQUEST_METHOD' => 'GET',
          'SERVER_PROTOCOL' => 'HTTP/1.1', 'REMOTE_ADDR' => '127.0.0.1'] as $name => $value) {
    $_SERVER[$name] = $value;
}
define('ABSPATH', getenv('APPLICATION_ROOT') . '/');
define('DB_NAME', getenv('APPLICATION_DATABASE'));
define('DB_USER', 'root');
define('DB_PASSWORD', '');
define('DB_HOST', '127.0.0.1:' . getenv('APPLICATION_PORT'));
define('DB_CHARSET', 'utf8mb4');
define('DB_COLLATE', '');
foreach (['AUTH', 'SECURE_AUTH', 'LOGGED_IN', 'NONCE'] as $name) {
    define($name . '_KEY', 'key of ' . $name);
    define($name . '_SALT', 'salt of ' . $name);
}
define('WP_HTTP_BLOCK_EXTERNAL', true);
define('DISABLE_WP_CRON', true);
$table_prefix = 'wp_';

/** There is nobody to write to. */
function wp_mail(): bool
{
    return true;
}
