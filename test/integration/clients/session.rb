# A session of Ruby's mysql2.
require 'json'
require 'mysql2'

MEBIBYTE = 1 << 20
LOST = [1317, 1927, 2006, 2013, 4031].freeze
MULTI = Mysql2::Client::MULTI_STATEMENTS

def setting(name)
  ENV.fetch("CLIENT_#{name}", '')
end

def connect(**more)
  Mysql2::Client.new(
    host: '127.0.0.1', port: setting('PORT').to_i, username: setting('USER'), password: setting('PASSWORD'),
    database: setting('DATABASE'), encoding: 'utf8mb4', local_infile: true, as: :array, **more
  )
end

def say(**line)
  puts JSON.generate(line)
  $stdout.flush
end

# A step that throws is told as a fault, and the next one goes on.
def step(name)
  say(step: name, seen: yield)
rescue StandardError => error
  say(step: name, fault: "#{error.class}: #{error.message}")
end

def error_of
  yield
  []
rescue Mysql2::Error => error
  [error.error_number, error.sql_state, error.message]
end

def plain(value)
  case value
  when Array then value.map { |each| plain(each) }
  when String then value.encoding == Encoding::BINARY ? value.unpack1('H*') : value
  when BigDecimal then value.to_s('F')
  when Time then value.strftime('%F %T.%6N')
  when Date then value.to_s
  else value
  end
end

def rows_of(db, sql)
  plain(db.query(sql).to_a)
end

def results_of(db, first)
  results = [plain(first&.to_a)]
  while db.more_results?
    db.next_result
    results << plain(db.store_result&.to_a)
  end
  results
end

say(version: "Ruby mysql2 #{Mysql2::VERSION}, Connector/C #{Mysql2::Client.info[:version]}")
db = connect

step('connect') do
  connect.close
  id, user, database = db.query('SELECT CONNECTION_ID(), CURRENT_USER(), DATABASE()').first
  { same_id: id == db.thread_id, user: user, database: database, info: db.server_info[:version] }
end

step('refused') do
  { errors: [error_of { connect(password: 'wrong') }, error_of { connect(database: 'no_such_database') }] }
end

step('types') do
  db.query("INSERT INTO facts VALUES
    (1, 12345678901234.567890, 0.1, '2024-02-29', '2024-02-29 23:59:59.123456', '-12:34:56.789', -128,
     18446744073709551615, x'005c27ff', 'ünïcode 海 🙂'), (2, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL)")
  affected = db.affected_rows
  # The driver has no type for a negative TIME: it is read as text.
  result = db.query('SELECT folderid, price, share, day, at, CAST(clock AS CHAR) AS clock, small, big, raw, title FROM facts ORDER BY folderid')
  rows = result.to_a
  { affected: affected, title: rows[0][9], rows: plain(rows), fields: result.fields }
end

step('prepared') do
  insert = db.prepare('INSERT INTO messages VALUES (2, ?, ?)')
  [[1, 'one'], [2, "it's \\ 海"], [3, nil]].each { |values| insert.execute(*values) }
  insert.close
  rows = db.prepare('SELECT itemid, title FROM messages WHERE folderid = ? ORDER BY itemid').execute(2).to_a
  facts = db.prepare('SELECT price, share, day, at, small, big FROM facts WHERE folderid > ? ORDER BY folderid').execute(0).to_a
  id = db.prepare('SELECT CONNECTION_ID()').execute.first[0]
  db.prepare("SET SESSION sql_mode = 'ANSI_QUOTES,NO_BACKSLASH_ESCAPES'").execute
  mode = db.query('SELECT @@SESSION.sql_mode').first[0]
  db.query("INSERT INTO \"messages\" VALUES (2, 4, 'a\\')")
  db.query('SET SESSION sql_mode = DEFAULT')
  { rows: rows, facts: plain(facts), same_id: id == db.thread_id, mode: mode }
end

step('transactions') do
  ["BEGIN", "INSERT INTO messages VALUES (4, 1, 'rolled back')", 'ROLLBACK', 'BEGIN',
   "INSERT INTO messages VALUES (4, 2, 'committed')", 'SAVEPOINT s', "INSERT INTO messages VALUES (4, 3, 'undone')",
   'ROLLBACK TO SAVEPOINT s', 'COMMIT', 'SET autocommit = 0', "INSERT INTO messages VALUES (4, 4, 'also committed')",
   'COMMIT', 'SET autocommit = 1'].each { |sql| db.query(sql) }
  { items: rows_of(db, 'SELECT itemid FROM messages WHERE folderid = 4 ORDER BY 1') }
end

step('errors') do
  db.query("INSERT INTO messages VALUES (5, 1, 'one')")
  statements = ["INSERT INTO messages VALUES (5, 1, 'double')", 'SELEC 1', 'SELECT * FROM missing']
  errors = statements.map { |sql| error_of { db.query(sql) } }
  errors << error_of { db.prepare('SELECT missing FROM messages') }
  db.query("INSERT IGNORE INTO messages VALUES (5, 1, 'double')")
  { errors: errors, warnings: rows_of(db, 'SHOW WARNINGS'), after: db.query('SELECT 1').first }
end

step('big values') do
  text = '0123456789abcdef' * (MEBIBYTE / 16)
  blob, huge = [1, 17].map { |count| "\x00\\'\xff".b * (count * MEBIBYTE / 4) }
  insert = db.prepare('INSERT INTO bodies VALUES (?, ?, ?)')
  insert.execute(6, text, blob)
  insert.execute(7, nil, huge)
  small, large = db.query('SELECT text, body FROM bodies WHERE folderid IN (6, 7) ORDER BY folderid').to_a
  { text: small[0] == text, blob: small[1] == blob, huge: large[1] == huge }
end

step('several') do
  several = connect(flags: MULTI)
  first = several.query("SELECT 1; INSERT INTO messages VALUES (8, 1, 'a'), (8, 2, 'b');
    DELETE FROM messages WHERE folderid = 8 AND itemid = 2; SELECT 2")
  results = results_of(several, first)
  error = error_of { results_of(several, several.query('SELECT 3; SELECT missing')) }
  { results: results, error: error }
end

step('procedures') do
  several = connect(flags: MULTI)
  results = results_of(several, several.query('CALL two(7)'))
  several.query('CALL outs(20, @out)')
  { results: results.first(2), all: results, out: several.query('SELECT @out').first[0].to_i }
end

step('charset') do
  latin1 = connect(encoding: 'latin1')
  latin1.query("INSERT INTO messages VALUES (10, 1, 'é')".encode('ISO-8859-1'))
  read = latin1.query('SELECT HEX(title), title FROM messages WHERE folderid = 10').first[1]
  # In gbk the second byte of this character is a backslash.
  gbk = connect(encoding: 'gbk')
  gbk.query("INSERT INTO messages VALUES (10, 2, '\x95\x5c')".dup.force_encoding('GBK'))
  stored = rows_of(db, 'SELECT HEX(title) FROM messages WHERE folderid = 10 ORDER BY itemid')
  { latin1: read.encode('ISO-8859-1').unpack1('H*'), stored: stored }
end

step('local infile') do
  db.query("LOAD DATA LOCAL INFILE '#{db.escape(setting('CSV'))}' INTO TABLE loaded FIELDS TERMINATED BY ','")
  { affected: db.affected_rows, rows: rows_of(db, 'SELECT * FROM loaded ORDER BY 1') }
end

step('streaming') do
  sql = "SELECT a.d + 10 * b.d + 100 * c.d + 1000 * d.d AS n, REPEAT('x', 100)
    FROM digits a, digits b, digits c, digits d ORDER BY n"
  count = last = 0
  connect.query(sql, stream: true, cache_rows: false).each do |row|
    count += 1
    last = row[0]
  end
  { count: count, last: last }
end

step('reconnect') do
  other = connect(reconnect: true)
  db.query("KILL #{other.thread_id}")
  lost = error_of { other.query('SELECT 1') }
  lost = [2006] if lost.empty?
  other = connect
  other.query("INSERT INTO messages VALUES (14, 1, 'again')")
  { lost: LOST.include?(lost[0]), again: other.affected_rows }
end

step('compression') do
  other = connect(flags: Mysql2::Client::COMPRESS)
  other.query("INSERT INTO messages VALUES (12, 1, REPEAT('compressed ', 10))")
  { rows: rows_of(other, 'SELECT title FROM messages WHERE folderid = 12') }
end

def under_tls(port, folder)
  other = connect(port: setting(port).to_i, sslca: setting('CA'), sslverify: true)
  other.query("INSERT INTO messages VALUES (#{folder}, 1, 'under TLS')")
  encrypted = other.query("SHOW SESSION STATUS LIKE 'Ssl_cipher'").first[1] != ''
  [encrypted, rows_of(other, "SELECT title FROM messages WHERE folderid = #{folder}")]
end

step('TLS') do
  _, rows = under_tls('PORT', 15)
  { rows: rows }
end

step('TLS through') do
  encrypted, rows = under_tls('TLSPORT', 16)
  { rows: rows, encrypted: encrypted }
end
