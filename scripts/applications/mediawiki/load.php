<?php
// One author of a wiki: php load.php SEED SECONDS FOLDER, of its settings. The last line says how many steps it took.
[, $seed, $seconds, $folder] = $argv;
define('MW_CONFIG_FILE', "$folder/LocalSettings.php");
$_SERVER['argv'] = $argv = [__FILE__];
require_once getenv('APPLICATION_ROOT') . '/maintenance/Maintenance.php';
require __DIR__ . '/../author.php';

use MediaWiki\MediaWikiServices;

class AuthorOfWiki extends Maintenance
{
    public static int $seed;
    public static float $seconds;

    public function execute(): void
    {
        $services = MediaWikiServices::getInstance();
        $databases = $services->getDBLoadBalancerFactory();
        $author = new Author(self::$seed, ['été', 'лес', '[[Page 3]]', 'winter', '[[Category:Blue]]', "it's", '🚀', '{{T}}', '"q"', '100%']);
        $steps = 0;
        for ($end = microtime(true) + self::$seconds; microtime(true) < $end; $steps++) {
            try {
                $this->step($author, $services, $steps);
                DeferredUpdates::doUpdates();
                $databases->commitPrimaryChanges(__METHOD__);
                if ($author->number(9) === 0) $services->getJobRunner()->run(['maxJobs' => 5, 'maxTime' => 2]);
            } catch (Exception $error) {
                // Another author may have changed the page meanwhile, and whoever is refused begins again.
                if (!($error instanceof MWException || $error instanceof RuntimeException)) throw $error;
                $databases->rollbackPrimaryChanges(__METHOD__);
            }
            if ($author->number(9) === 0) $databases->closeAll(__METHOD__);
        }
        echo "$steps\n";
    }

    private function step(Author $author, MediaWikiServices $services, int $number): void
    {
        $admin = User::newFromName('Admin');
        $seed = self::$seed;
        $title = Title::newFromText($author->of(['Page ', 'Page ', 'Page ', "Own $seed "]) . $author->number(12));
        $page = $services->getWikiPageFactory()->newFromTitle($title);
        switch ($author->number(9)) {
            case 4:
                if ($page->exists()) $services->getDeletePageFactory()->newDeletePage($page, $admin)->deleteUnsafe($author->text(2));
                break;
            case 5:
                $to = Title::newFromText("Moved $seed $number");
                if ($page->exists()) $services->getMovePageFactory()->newMovePage($title, $to)->move($admin, $author->text(1), (bool) $author->number(1));
                break;
            case 6:
                $user = User::createNew("User$seed n$number", ['email' => "user$number@example.com"]);
                if ($user) $services->getWatchlistManager()->addWatchIgnoringRights($user, $title);
                break;
            case 7:
                $services->getWatchlistManager()->addWatchIgnoringRights($admin, $title);
                if ($author->number(1)) $services->getWatchlistManager()->removeWatch($admin, $title);
                break;
            case 8:
                $stash = $services->getMainObjectStash();
                $stash->set($stash->makeKey('key', $author->number(9)), $author->text(3), 60);
                break;
            case 9:
                $page->getParserOutput($page->makeParserOptions('canonical'));
                $services->newSearchEngine()->searchText('winter');
                break;
            default:
                $updater = $page->newPageUpdater($admin);
                $updater->setContent('main', ContentHandler::makeContent($author->text(30), $title));
                $updater->saveRevision(CommentStoreComment::newUnsavedComment($author->text(2)));
        }
    }
}

AuthorOfWiki::$seed = (int) $seed;
AuthorOfWiki::$seconds = (float) $seconds;
$maintClass = AuthorOfWiki::class;
require_once RUN_MAINTENANCE_IF_MAIN;
