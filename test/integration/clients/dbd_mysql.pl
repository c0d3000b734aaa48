# A session of Perl's DBD::mysql; prints what it saw as lines of "name=value". Arguments: port, database, 0 or 1
# for prepared statements of the server.
use strict;
use warnings;
use utf8;
use DBI;

binmode(STDOUT, ':encoding(UTF-8)');
my ($port, $database, $server_side) = @ARGV;
my $dsn = "DBI:mysql:database=$database;host=127.0.0.1;port=$port;mysql_server_prepare=$server_side;mysql_compression=1";
my %options = (RaiseError => 1, PrintError => 0, mysql_enable_utf8mb4 => 1, mysql_auto_reconnect => 0);
my $db = DBI->connect($dsn, 'native', 'secret', \%options);
my $folder = 30 + $server_side;

my $insert = $db->prepare('INSERT INTO messages VALUES (?, ?, ?)');
$insert->execute($folder, @$_) for ([1, 'one'], [2, "it's \\ 海"], [3, undef]);
my $rows = $db->selectall_arrayref('SELECT itemid, title FROM messages WHERE folderid = ? ORDER BY itemid', undef, $folder);
print 'rows=', join('|', map { join(':', map { $_ // 'NULL' } @$_) } @$rows), "\n";

$db->begin_work;
$db->do("INSERT INTO messages VALUES ($folder, 4, 'rolled back')");
$db->rollback;
$db->begin_work;
print 'deleted=', $db->do('DELETE FROM messages WHERE folderid = ? AND itemid = ?', undef, $folder, 3), "\n";
$db->commit;

eval { $db->do("INSERT INTO messages VALUES ($folder, 1, 'double')") };
print 'error=', $db->err, ' ', $db->state, "\n";

my $big = "0123456789abcdef" x (1 << 18);
$db->do('REPLACE INTO bodies VALUES (4, ?)', undef, $big);
my ($read) = $db->selectrow_array('SELECT body FROM bodies WHERE folderid = 4');
print 'big=', ($read eq $big ? 'same' : 'other'), "\n";

my $call = $db->prepare('CALL two(5)');
$call->execute;
my @results;
do {
    push @results, scalar @{ $call->fetchall_arrayref } if $call->{NUM_OF_FIELDS};
} while ($call->more_results);
print 'call=', join(',', @results), "\n";

my ($id) = $db->selectrow_array('SELECT CONNECTION_ID()');
print 'same_id=', ($id == $db->{mysql_thread_id} ? 'yes' : 'no'), "\n";
$db->disconnect;
$db = DBI->connect($dsn, 'native', 'secret', \%options);
print 'again=', $db->selectrow_array('SELECT 1'), "\n";
$db->disconnect;
eval { DBI->connect($dsn, 'native', 'wrong', \%options) };
print "refused=$DBI::err\n";
