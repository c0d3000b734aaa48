<?php
// Installs MediaWiki by its own program: php install.php FOLDER, into which its settings are written.
[, $folder] = $argv;
$extensions = array_filter(explode(' ', getenv('APPLICATION_PHP_ARGUMENTS')));
$command = [PHP_BINARY, ...$extensions, getenv('APPLICATION_ROOT') . '/maintenance/install.php',
    '--dbtype', 'mysql', '--dbname', getenv('APPLICATION_DATABASE'),
    '--dbserver', '127.0.0.1:' . getenv('APPLICATION_PORT'), '--dbuser', 'root', '--dbpass', '',
    '--installdbuser', 'root', '--installdbpass', '', '--pass', 'secretsecret', '--server', 'http://localhost',
    '--scriptpath', '', '--confpath', $folder, 'A wiki', 'Admin'];
passthru(implode(' ', array_map(escapeshellarg(...), $command)), $code);
if ($code !== 0) exit($code);
$file = "$folder/LocalSettings.php";
$settings = preg_replace('/^\$wgDBserver = .*$/m', '$wgDBserver = "127.0.0.1:" . getenv("APPLICATION_PORT");', file_get_contents($file));
foreach (['Main', 'Session', 'Parser', 'Message'] as $cache) $settings .= "\n\$wg{$cache}CacheType = CACHE_DB;";
file_put_contents($file, "$settings\n\$wgJobRunRate = 0;\n\$wgEnableEmail = false;\n");
