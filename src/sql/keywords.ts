/**
 * The words that the lexer and the plans tell apart, found by a hash that the lexer computes anyway.
 *
 * Only words that have been reserved in MySQL and in MariaDB since 5.1 are folded to one case in digests:
 * any other word may be the name of a table, and table names that differ in case are different tables.
 */
import { FOLDED } from './byte-classes.ts';

/** Reserved, and a minus after one is a sign, not a subtraction. */
const RESERVED_BEFORE_VALUE =
  'AND BETWEEN BY CASE DISTINCT DISTINCTROW DIV ELSE HAVING IN INTERVAL LIKE LIMIT MOD NOT ON OR REGEXP RETURN ' +
  'RLIKE SELECT SET THEN VALUES WHEN WHERE XOR';

/** Reserved, and the name of a table stands next. */
const RESERVED_BEFORE_TABLE = 'FROM INTO JOIN TABLE';

/** Reserved, and may stand between a statement's verb and its table. */
const MODIFIERS = 'DELAYED EXISTS HIGH_PRIORITY IF IGNORE LOW_PRIORITY';

const RESERVED =
  'ADD ALL ALTER ANALYZE AS ASC ASENSITIVE BEFORE BIGINT BINARY BLOB BOTH CALL CASCADE CHANGE CHAR CHARACTER ' +
  'CHECK COLLATE COLUMN CONDITION CONSTRAINT CONTINUE CONVERT CREATE CROSS CURRENT_DATE CURRENT_TIME ' +
  'CURRENT_TIMESTAMP CURRENT_USER CURSOR DATABASE DATABASES DAY_HOUR DAY_MICROSECOND DAY_MINUTE DAY_SECOND DEC ' +
  'DECIMAL DECLARE DEFAULT DELETE DESC DESCRIBE DETERMINISTIC DOUBLE DROP DUAL EACH ELSEIF ENCLOSED ESCAPED EXIT ' +
  'EXPLAIN FALSE FETCH FLOAT FLOAT4 FLOAT8 FOR FORCE FOREIGN FULLTEXT GRANT GROUP HOUR_MICROSECOND HOUR_MINUTE ' +
  'HOUR_SECOND INDEX INFILE INNER INOUT INSENSITIVE INSERT INT INT1 INT2 INT3 INT4 INT8 INTEGER IS ITERATE KEY ' +
  'KEYS KILL LEADING LEAVE LEFT LINES LOAD LOCALTIME LOCALTIMESTAMP LOCK LONG LONGBLOB LONGTEXT LOOP MATCH ' +
  'MEDIUMBLOB MEDIUMINT MEDIUMTEXT MIDDLEINT MINUTE_MICROSECOND MINUTE_SECOND MODIFIES NATURAL ' +
  'NO_WRITE_TO_BINLOG NULL NUMERIC OPTIMIZE OPTION OPTIONALLY ORDER OUT OUTER OUTFILE PRECISION PRIMARY ' +
  'PROCEDURE PURGE READ READS REAL REFERENCES RELEASE RENAME REPEAT REPLACE REQUIRE RESTRICT REVOKE RIGHT SCHEMA ' +
  'SCHEMAS SECOND_MICROSECOND SENSITIVE SEPARATOR SHOW SMALLINT SPATIAL SPECIFIC SQL SQLEXCEPTION SQLSTATE ' +
  'SQLWARNING SQL_BIG_RESULT SQL_CALC_FOUND_ROWS SQL_SMALL_RESULT SSL STARTING STRAIGHT_JOIN TERMINATED TINYBLOB ' +
  'TINYINT TINYTEXT TO TRAILING TRIGGER TRUE UNDO UNION UNIQUE UNLOCK UNSIGNED UPDATE USAGE USE USING UTC_DATE ' +
  'UTC_TIME UTC_TIMESTAMP VARBINARY VARCHAR VARCHARACTER VARYING WHILE WITH WRITE YEAR_MONTH ZEROFILL';

/** Words with a meaning for us that may be names as well. */
const PLAIN =
  'AGGREGATE ATOMIC BACKUP BEGIN BINLOG CACHE CHAIN CHARSET CHECKSUM CLOSE COMMIT CUBE DEALLOCATE DEFINER DO ' +
  'DUMPFILE DUPLICATE END EVENT EXCEPT EXECUTE FLUSH FUNCTION GLOBAL HANDLER HELP IMMEDIATE IMPORT INDEXES ' +
  'INSTALL INTERSECT LOCKED LOGFILE MINUS MODE NAMES NEXT NO NOWAIT OF OFFSET OPEN OVER PACKAGE PARTITION ' +
  'PASSWORD PERSIST PERSIST_ONLY PREPARE PREVIOUS RECURSIVE REPAIR REPLICA RESET RESTART RETURNING ROLE ROLLBACK ' +
  'ROW ROWS SAVEPOINT SEQUENCE SERVER SESSION SHARE SHUTDOWN SIGNAL SKIP SLAVE SNAPSHOT SQL_BUFFER_RESULT ' +
  'SQL_CACHE SQL_NO_CACHE START STATEMENT STOP TABLES TABLESPACE TEMPORARY TRANSACTION TRUNCATE UNINSTALL USER ' +
  'VALUE VIEW WAIT WINDOW WORK XA XML OJ QUICK HISTORY LATERAL LOCAL CONCURRENT DATA ESCAPE';

/** Character set introducers: with a string after them they are one literal. */
const INTRODUCERS =
  '_armscii8 _ascii _big5 _binary _cp1250 _cp1251 _cp1256 _cp1257 _cp850 _cp852 _cp866 _cp932 _dec8 _eucjpms ' +
  '_euckr _gb18030 _gb2312 _gbk _geostd8 _greek _hebrew _hp8 _keybcs2 _koi8r _koi8u _latin1 _latin2 _latin5 ' +
  '_latin7 _macce _macroman _sjis _swe7 _tis620 _ucs2 _ujis _utf16 _utf16le _utf32 _utf8 _utf8mb3 _utf8mb4';

export const FLAG = { reserved: 1, beforeValue: 2, beforeTable: 4, modifier: 8, introducer: 16 } as const;

/** Texts in upper case, by id; id 0 is no keyword. */
const TEXTS: string[] = [''];
const FLAGS: number[] = [0];

function define(words: string, flags: number): void {
  for (const word of words.split(' ')) {
    TEXTS.push(word.toUpperCase());
    FLAGS.push(flags);
  }
}
define(RESERVED_BEFORE_VALUE, FLAG.reserved | FLAG.beforeValue);
define(RESERVED_BEFORE_TABLE, FLAG.reserved | FLAG.beforeTable);
define(MODIFIERS, FLAG.reserved | FLAG.modifier);
define(RESERVED, FLAG.reserved);
define(PLAIN, 0);
define(INTRODUCERS, FLAG.introducer);

const IDS = new Map(TEXTS.map((text, id) => [text, id]));
const FLAG_TABLE = Uint8Array.from(FLAGS);
/** No keyword is longer, so longer words need no look-up. */
export const KEYWORD_LENGTH_MAX = Math.max(...TEXTS.map((text) => text.length));

const SLOTS = 4096;
const TABLE = new Uint16Array(SLOTS);
const BYTES = TEXTS.map((text) => Buffer.from(text.toLowerCase()));

/** One step of the hash over case-folded bytes by which keywords are found. */
export function foldStep(hash: number, byte: number): number {
  return (Math.imul(hash, 31) + FOLDED[byte]!) | 0;
}

for (let id = 1; id < TEXTS.length; id++) {
  let hash = 0;
  for (const byte of BYTES[id]!) hash = foldStep(hash, byte);
  let slot = place(hash);
  while (TABLE[slot] !== 0) slot = (slot + 1) & (SLOTS - 1);
  TABLE[slot] = id;
}

function place(hash: number): number {
  return (hash ^ (hash >>> 12)) & (SLOTS - 1);
}

/** The id of the word that stands in [from, to), whose folded hash is `hash`; 0 if it is no keyword. */
export function findKeyword(hash: number, bytes: Uint8Array, from: number, to: number): number {
  for (let slot = place(hash); ; slot = (slot + 1) & (SLOTS - 1)) {
    const id = TABLE[slot]!;
    if (id === 0 || isWord(BYTES[id]!, bytes, from, to)) return id;
  }
}

function isWord(word: Uint8Array, bytes: Uint8Array, from: number, to: number): boolean {
  if (word.length !== to - from) return false;
  for (let at = 0; at < word.length; at++) {
    if (FOLDED[bytes[from + at]!] !== word[at]) return false;
  }
  return true;
}

/** The id of a keyword written in upper case. Throws for a word that is not in the lists above. */
export function keyword(text: string): number {
  const id = IDS.get(text);
  if (id === undefined) throw new Error(`${text} is no keyword`);
  return id;
}

export function keywordText(id: number): string {
  return TEXTS[id]!;
}

export function keywordFlags(id: number): number {
  return FLAG_TABLE[id]!;
}
