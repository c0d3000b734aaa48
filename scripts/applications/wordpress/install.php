<?php
define('WP_INSTALLING', true);
require __DIR__ . '/site.php';
require ABSPATH . 'wp-settings.php';
require ABSPATH . 'wp-admin/includes/upgrade.php';
wp_install('A site', 'admin', 'admin@example.com', true, '', 'secret');
