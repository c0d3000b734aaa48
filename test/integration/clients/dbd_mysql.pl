# A session of Perl's DBD::mysql. Argument: 0 or 1 for prepared statements of the server.
use strict;
use warnings;
use utf8;
use Carp;
use DBI;
use JSON::PP;

binmode(STDOUT, ':encoding(UTF-8)');
$| = 1;
my $server_side = $ARGV[0];
my $json = JSON::PP->new->canonical->allow_nonref;
my $MEBIBYTE = 1 << 20;

sub setting { $ENV{"CLIENT_$_[0]"} // '' }
sub say_line { print $json->encode({@_}), "\n" }

sub open_session {
    my %with = (DATABASE => setting('DATABASE'), PASSWORD => setting('PASSWORD'), PORT => setting('PORT'), DSN => '', @_);
    my $dsn = "DBI:mysql:database=$with{DATABASE};host=127.0.0.1;port=$with{PORT};mysql_server_prepare=$server_side;"
        . "mysql_local_infile=1$with{DSN}";
    my %options = (RaiseError => 1, PrintError => 0, mysql_enable_utf8mb4 => 1, mysql_auto_reconnect => 0);
    return DBI->connect($dsn, setting('USER'), $with{PASSWORD}, \%options);
}

# A step that throws is told as a fault, and the next one goes on.
sub step {
    my ($name, $run) = @_;
    my $seen = eval { $run->() };
    $@ ? say_line(step => $name, fault => "$@") : say_line(step => $name, seen => $seen);
}

sub error_of {
    my ($run) = @_;
    return eval { $run->(); 1 } ? [] : [$DBI::err + 0, $DBI::state, $DBI::errstr];
}

sub truth { $_[0] ? JSON::PP::true : JSON::PP::false }

sub results_of {
    my ($statement) = @_;
    my @results;
    do {
        push @results, $statement->{NUM_OF_FIELDS} ? $statement->fetchall_arrayref : $statement->rows;
    } while ($statement->more_results);
    return \@results;
}

my $db = open_session();
say_line(version => "Perl DBD::mysql $DBD::mysql::VERSION, client library $db->{mysql_clientinfo}");

step('connect', sub {
    open_session()->disconnect;
    my ($id, $user, $database) = $db->selectrow_array('SELECT CONNECTION_ID(), CURRENT_USER(), DATABASE()');
    return { same_id => truth($id == $db->{mysql_thread_id}), user => $user, database => $database, info => $db->{mysql_serverinfo} };
});

step('refused', sub {
    return { errors => [
        error_of(sub { open_session(PASSWORD => 'wrong') }),
        error_of(sub { open_session(DATABASE => 'no_such_database') }),
    ] };
});

step('types', sub {
    my $affected = $db->do("INSERT INTO facts VALUES
        (1, 12345678901234.567890, 0.1, '2024-02-29', '2024-02-29 23:59:59.123456', '-12:34:56.789', -128,
         18446744073709551615, x'005c27ff', 'ünïcode 海 🙂'), (2, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL)");
    my $select = $db->prepare('SELECT * FROM facts ORDER BY folderid');
    $select->execute;
    my @fields = map { [$select->{NAME}[$_], $select->{mysql_type}[$_], $select->{PRECISION}[$_]] } 0 .. 9;
    my $rows = $select->fetchall_arrayref;
    $rows->[0][8] = unpack('H*', $rows->[0][8]);
    return { affected => $affected + 0, title => $rows->[0][9], rows => $rows, fields => \@fields };
});

step('prepared', sub {
    my $insert = $db->prepare('INSERT INTO messages VALUES (2, ?, ?)');
    $insert->execute(@$_) for ([1, 'one'], [2, "it's \\ 海"], [3, undef]);
    my $select = $db->prepare('SELECT itemid, title FROM messages WHERE folderid = ? ORDER BY itemid');
    $select->execute(2);
    my $rows = $select->fetchall_arrayref;
    my $facts = $db->prepare('SELECT price, share, day, at, clock, small, big FROM facts WHERE folderid > ? ORDER BY folderid');
    $facts->execute(0);
    $facts = $facts->fetchall_arrayref;
    my ($id) = $db->selectrow_array('SELECT CONNECTION_ID()');
    $db->do('SET SESSION sql_mode = ?', undef, 'ANSI_QUOTES,NO_BACKSLASH_ESCAPES');
    my ($mode) = $db->selectrow_array('SELECT @@SESSION.sql_mode');
    $db->do(q{INSERT INTO "messages" VALUES (2, 4, 'a\\')});
    $db->do('SET SESSION sql_mode = DEFAULT');
    return { rows => $rows, facts => $facts, same_id => truth($id == $db->{mysql_thread_id}), mode => $mode };
});

step('transactions', sub {
    $db->begin_work;
    $db->do("INSERT INTO messages VALUES (4, 1, 'rolled back')");
    $db->rollback;
    $db->begin_work;
    $db->do("INSERT INTO messages VALUES (4, 2, 'committed')");
    $db->do('SAVEPOINT s');
    $db->do("INSERT INTO messages VALUES (4, 3, 'undone')");
    $db->do('ROLLBACK TO SAVEPOINT s');
    $db->commit;
    $db->{AutoCommit} = 0;
    $db->do("INSERT INTO messages VALUES (4, 4, 'also committed')");
    $db->commit;
    $db->{AutoCommit} = 1;
    return { items => $db->selectall_arrayref('SELECT itemid FROM messages WHERE folderid = 4 ORDER BY 1') };
});

step('errors', sub {
    $db->do("INSERT INTO messages VALUES (5, 1, 'one')");
    my @statements = ("INSERT INTO messages VALUES (5, 1, 'double')", 'SELEC 1', 'SELECT * FROM missing');
    my @errors = map { my $sql = $_; error_of(sub { $db->do($sql) }) } @statements;
    push @errors, error_of(sub { $db->selectall_arrayref('SELECT missing FROM messages') });
    $db->do("INSERT IGNORE INTO messages VALUES (5, 1, 'double')");
    my $warnings = $db->selectall_arrayref('SHOW WARNINGS');
    return { errors => \@errors, warnings => $warnings, after => $db->selectrow_arrayref('SELECT 1') };
});

step('big values', sub {
    my $text = '0123456789abcdef' x ($MEBIBYTE / 16);
    my ($blob, $huge) = map { "\x00\\'\x7f" x ($_ * $MEBIBYTE / 4) } 1, 17;
    $db->do('INSERT INTO bodies VALUES (6, ?, ?)', undef, $text, $blob);
    $db->do('INSERT INTO bodies VALUES (7, NULL, ?)', undef, $huge);
    my $rows = $db->selectall_arrayref('SELECT text, body FROM bodies WHERE folderid IN (6, 7) ORDER BY folderid');
    return { text => truth($rows->[0][0] eq $text), blob => truth($rows->[0][1] eq $blob), huge => truth($rows->[1][1] eq $huge) };
});

step('several', sub {
    my $several = open_session(DSN => ';mysql_multi_statements=1');
    my $statement = $several->prepare("SELECT 1; INSERT INTO messages VALUES (8, 1, 'a'), (8, 2, 'b');"
        . ' DELETE FROM messages WHERE folderid = 8 AND itemid = 2; SELECT 2');
    $statement->execute;
    return { results => results_of($statement) };
}) unless $server_side;

step('procedures', sub {
    my $call = $db->prepare('CALL two(?)');
    $call->execute(7);
    my $results = results_of($call);
    my $second = $db->prepare('CALL two(8)');
    $second->execute;
    my $other = results_of($second);
    $db->do('CALL outs(20, @out)');
    my ($out) = $db->selectrow_array('SELECT @out');
    # Prepared on the server, DBD::mysql 4 shows a call's first result only, whoever answers.
    my @first_only = $server_side ? (first_only => JSON::PP::true) : ();
    return { results => [@$results[0 .. ($server_side ? 0 : 1)]], all => $results, other => $other, out => $out + 0, @first_only };
});

step('charset', sub {
    # The driver speaks UTF-8 by itself; bytes go as they are where it was told nothing.
    my $bytes = DBI->connect('DBI:mysql:host=127.0.0.1;database=' . setting('DATABASE') . ';port=' . setting('PORT')
        . ";mysql_server_prepare=$server_side", setting('USER'), setting('PASSWORD'), { RaiseError => 1, PrintError => 0 });
    $bytes->do('SET NAMES latin1');
    $bytes->do("INSERT INTO messages VALUES (10, 1, '\xe9')");
    my ($read) = $bytes->selectrow_array('SELECT title FROM messages WHERE folderid = 10');
    $bytes->do('SET NAMES gbk');
    # In gbk the second byte of this character is a backslash.
    $bytes->do("INSERT INTO messages VALUES (10, 2, '\x95\x5c')");
    my $stored = $db->selectall_arrayref('SELECT HEX(title) FROM messages WHERE folderid = 10 ORDER BY itemid');
    return { latin1 => unpack('H*', $read), stored => $stored };
});

step('local infile', sub {
    my $path = $db->quote(setting('CSV'));
    my $affected = $db->do("LOAD DATA LOCAL INFILE $path INTO TABLE loaded FIELDS TERMINATED BY ','");
    return { affected => $affected + 0, rows => $db->selectall_arrayref('SELECT * FROM loaded ORDER BY 1') };
});

step('streaming', sub {
    my $select = $db->prepare("SELECT a.d + 10 * b.d + 100 * c.d + 1000 * d.d AS n, REPEAT('x', 100)
        FROM digits a, digits b, digits c, digits d ORDER BY n", { mysql_use_result => 1 });
    $select->execute;
    my ($count, $last) = (0, 0);
    while (my $row = $select->fetchrow_arrayref) {
        $count++;
        $last = $row->[0];
    }
    return { count => $count, last => $last + 0 };
}) unless $server_side;

step('bulk', sub {
    my $insert = $db->prepare('INSERT INTO messages VALUES (11, ?, ?)');
    $insert->bind_param_array(1, [0 .. 499]);
    $insert->bind_param_array(2, [map { "title $_" } 0 .. 499]);
    my $affected = $insert->execute_array({});
    my ($count) = $db->selectrow_array('SELECT COUNT(*) FROM messages WHERE folderid = 11');
    return { affected => $affected + 0, count => $count + 0 };
});

step('reconnect', sub {
    my $other = open_session();
    $other->{mysql_auto_reconnect} = 1;
    $db->do("KILL $other->{mysql_thread_id}");
    my $old = $other->{mysql_thread_id};
    my $again = eval { $other->do("INSERT INTO messages VALUES (14, 1, 'again')") } // $other->do("INSERT INTO messages VALUES (14, 1, 'again')");
    return { lost => truth($old != $other->{mysql_thread_id}), again => $again + 0 };
});

step('compression', sub {
    my $other = open_session(DSN => ';mysql_compression=1');
    $other->do("INSERT INTO messages VALUES (12, 1, REPEAT('compressed ', 10))");
    return { rows => $other->selectall_arrayref('SELECT title FROM messages WHERE folderid = 12') };
});

sub under_tls {
    my ($port, $folder) = @_;
    # Debian's build can't insist: it takes TLS where it is offered, as the cipher shows.
    my $tls = ';mysql_ssl=1;mysql_ssl_optional=1;mysql_ssl_verify_server_cert=1;mysql_ssl_ca_file=' . setting('CA');
    my $other = open_session(PORT => setting($port), DSN => $tls);
    $other->do("INSERT INTO messages VALUES ($folder, 1, 'under TLS')");
    my (undef, $cipher) = $other->selectrow_array("SHOW SESSION STATUS LIKE 'Ssl_cipher'");
    my $rows = $other->selectall_arrayref("SELECT title FROM messages WHERE folderid = $folder");
    return (truth($cipher ne ''), $rows);
}

step('TLS', sub {
    my (undef, $rows) = under_tls('PORT', 15);
    return { rows => $rows };
});

step('TLS through', sub {
    my ($encrypted, $rows) = under_tls('TLSPORT', 16);
    return { rows => $rows, encrypted => $encrypted };
});
