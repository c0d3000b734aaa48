<?php
// One author of a WordPress site: php load.php SEED SECONDS. The last line says how many statements were sent.
require __DIR__ . '/site.php';
require ABSPATH . 'wp-settings.php';
require_once ABSPATH . 'wp-admin/includes/admin.php';
require __DIR__ . '/../author.php';

[, $seed, $seconds] = $argv;
$author = new Author((int) $seed, ['été', 'лес', 'winter', 'blue', "it's", '🚀', 'back\\slash', '"q"', '100%']);
$posts = [];
$comments = [];
$users = [];
$steps = 0;
wp_set_current_user(1);
kses_remove_filters();
set_error_handler(fn () => true, E_WARNING | E_NOTICE | E_DEPRECATED);

$actions = [
    function () use ($author, &$posts) {
        $posts[] = wp_insert_post(['post_title' => $author->text(3), 'post_content' => $author->text(60),
            'post_status' => 'publish', 'post_category' => [1], 'tags_input' => [$author->text(1), $author->text(1)]]);
    },
    function () use ($author, &$posts) {
        if ($posts) wp_update_post(['ID' => $author->of($posts), 'post_content' => $author->text(50)]);
    },
    function () use ($author, &$posts, &$comments) {
        if ($posts) $comments[] = wp_insert_comment(['comment_post_ID' => $author->of($posts), 'comment_content' => $author->text(10)]);
    },
    function () use ($author, &$comments) {
        if ($comments) wp_set_comment_status($author->of($comments), $author->of(['approve', 'hold', 'spam', 'trash']));
    },
    function () use ($author, $seed) {
        update_option("option_{$seed}_{$author->number(5)}", ['text' => $author->text(4)]);
    },
    function () use ($author, $seed) {
        set_transient("transient_{$seed}_{$author->number(5)}", $author->text(3), $author->number(3) + 1);
        delete_transient("transient_{$seed}_{$author->number(5)}");
    },
    function () use ($author, $seed, &$users, &$steps) {
        $user = wp_insert_user(['user_login' => "user{$seed}n{$steps}", 'user_pass' => 'p',
            'user_email' => "user{$seed}n{$steps}@example.com", 'display_name' => $author->text(2)]);
        if (is_int($user)) $users[] = $user;
    },
    function () use ($author, &$users) {
        if ($users) update_user_meta($author->of($users), 'meta' . $author->number(3), $author->text(3));
        if (count($users) > 3) wp_delete_user(array_pop($users), 1);
    },
    function () use ($author, &$posts) {
        if (!$posts) return;
        update_post_meta($author->of($posts), 'meta' . $author->number(4), $author->text(5));
        delete_post_meta($author->of($posts), 'meta' . $author->number(4));
    },
    function () use ($author) {
        new WP_Query(['s' => $author->text(1), 'posts_per_page' => 5, 'paged' => $author->number(2) + 1]);
        new WP_Query(['category__in' => [1, 2], 'orderby' => 'rand', 'posts_per_page' => 3]);
    },
    function () use ($author, &$posts) {
        if (count($posts) < 4) return;
        [$post] = array_splice($posts, $author->number(count($posts) - 1), 1);
        if ($author->number(1)) return wp_delete_post($post, true);
        wp_trash_post($post);
        wp_untrash_post($post);
    },
    function () use ($author, $seed, &$posts, &$steps) {
        wp_insert_term("term {$seed} {$steps}", 'category');
        if ($posts) wp_set_object_terms($author->of($posts), [$author->text(1)], 'post_tag', true);
    },
    function () {
        delete_expired_transients(true);
    },
];
for ($end = microtime(true) + (float) $seconds; microtime(true) < $end; $steps++) {
    try {
        $author->of($actions)();
    } catch (Error $error) {
        // WordPress itself trips over what another author has deleted meanwhile.
    }
    if ($wpdb->last_error !== '') fwrite(STDERR, "{$wpdb->last_error}\n");
    $wpdb->last_error = '';
    // As the next request finds it: nothing remembered, and a connection of its own.
    if ($author->number(4) === 0) {
        wp_cache_flush();
        $wpdb->close();
        $wpdb->db_connect();
    }
}
echo "{$steps}\n";
