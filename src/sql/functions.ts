/** The functions that MySQL and MariaDB bring along, and those among them whose result a replay can't repeat. */
import type { Hazard } from './plan.ts';

/** Functions by hazard. Source: the function references of the MySQL 8.4 and MariaDB 11 manuals. */
const BY_HAZARD: readonly (readonly [Hazard, string])[] = [
  [
    'clock',
    'now curdate curtime current_date current_time current_timestamp localtime localtimestamp sysdate utc_date ' +
      'utc_time utc_timestamp',
  ],
  ['random', 'rand uuid uuid_short uuid_v4 uuid_v7 random_bytes sys_guid encrypt des_encrypt'],
  [
    'session_function',
    'connection_id user current_user session_user system_user current_role found_rows row_count version database ' +
      'schema ps_current_thread_id ps_thread_id icu_version roles_graphml rolesgraphml statement_digest ' +
      'statement_digest_text binlog_gtid_pos wsrep_last_seen_gtid wsrep_last_written_gtid rownum mysql_query_attribute_string',
  ],
  ['last_insert_id', 'last_insert_id'],
  [
    'locks',
    'get_lock release_lock release_all_locks is_free_lock is_used_lock sleep benchmark master_pos_wait ' +
      'source_pos_wait master_gtid_wait wait_for_executed_gtid_set wait_until_sql_thread_after_gtids ' +
      'wsrep_sync_wait_upto_gtid asynchronous_connection_failover_add_source',
  ],
  ['sequence', 'nextval lastval setval'],
  ['file', 'load_file'],
];

/** Built-in functions and parenthesised words whose result follows from their arguments and the rows. */
const PURE =
  'abs acos adddate add_months addtime aes_decrypt aes_encrypt against any any_value ascii asin atan atan2 avg bin ' +
  'bin_to_uuid bit bit_and bit_count bit_length bit_or bit_xor can_access_column can_access_database ' +
  'can_access_table cast ceil ceiling char_length character_length charset chr coalesce coercibility collation ' +
  'column_add column_check column_create column_delete column_exists column_get column_json column_list columns ' +
  'compress concat concat_operator_oracle concat_ws contains conv convert_tz cos cot count crc32 crc32c cume_dist ' +
  'date date_add date_format date_sub datediff datetime day dayname dayofmonth dayofweek dayofyear decode ' +
  'decode_histogram decode_oracle degrees dense_rank des_decrypt distance distance_sphere elt empty encode envelope ' +
  'equals exp export_set extract extractvalue field find_in_set first_value floor format format_bytes ' +
  'format_pico_time from_base64 from_days from_unixtime get_format greatest group_concat grouping gtid_subset ' +
  'gtid_subtract hex hour ifnull inet6_aton inet6_ntoa inet_aton inet_ntoa instr is_ipv4 is_ipv4_compat ' +
  'is_ipv4_mapped is_ipv6 is_uuid isnull json_array json_array_append json_array_insert json_array_intersect ' +
  'json_arrayagg json_compact json_contains json_contains_path json_depth json_detailed json_equals json_exists ' +
  'json_extract json_insert json_keys json_length json_loose json_merge json_merge_patch json_merge_preserve ' +
  'json_normalize json_object json_object_filter_keys json_object_to_array json_objectagg json_overlaps json_pretty ' +
  'json_query json_quote json_remove json_replace json_schema_valid json_schema_validation_report json_search ' +
  'json_set json_storage_free json_storage_size json_table json_type json_unquote json_valid json_value ' +
  'kdf lag last_day last_value lcase lead least length lengthb ln locate log log10 log2 lower lpad lpad_oracle ' +
  'ltrim ltrim_oracle make_set makedate maketime max mbrcontains mbrcoveredby mbrcovers mbrdisjoint mbrequals ' +
  'mbrintersects mbroverlaps mbrtouches mbrwithin md5 median member microsecond mid min minute month monthname ' +
  'name_const natural_sort_key nchar nth_value ntile nullif nvl nvl2 oct octet_length of old_password ord over ' +
  'partition password percent_rank percentile_cont percentile_disc period_add period_diff pi position pow power ' +
  'quarter quote radians rank regexp_instr regexp_like regexp_replace regexp_substr replace_oracle reverse round ' +
  'row row_number rpad rpad_oracle rtrim rtrim_oracle sec_to_time second sformat sha sha1 sha2 sign signed sin ' +
  'some soundex space sqrt std stddev stddev_pop stddev_samp str_to_date strcmp subdate substr substr_oracle ' +
  'substring substring_index subtime sum tan time time_format time_to_sec timediff timestamp timestampadd ' +
  'timestampdiff to_base64 to_char to_date to_days to_seconds to_number trim trim_oracle trunc truncate ucase ' +
  'uncompress uncompressed_length unhex unix_timestamp updatexml upper uuid_to_bin validate_password_strength value ' +
  'var_pop var_samp variance vec_distance vec_distance_cosine vec_distance_euclidean vec_fromtext vec_totext vector ' +
  'week weekday weekofyear weight_string within xor year yearweek window except intersect rows groups ' +
  'geometrycollection geomcollection linestring multilinestring multipoint multipolygon point polygon';

const HAZARDS = new Map<string, Hazard>();
for (const [hazard, names] of BY_HAZARD) {
  for (const name of names.split(' ')) HAZARDS.set(name, hazard);
}
const PURE_NAMES = new Set(PURE.split(' '));

/** The hazard that a call of the function brings; `unknown_function` for one that is not built in. */
export function functionHazard(name: string): Hazard | null {
  const folded = name.toLowerCase();
  const hazard = HAZARDS.get(folded);
  if (hazard !== undefined) return hazard;
  return PURE_NAMES.has(folded) || folded.startsWith('st_') ? null : 'unknown_function';
}

/** The hazard of a reserved word, called or on its own: CURRENT_TIMESTAMP, CURRENT_USER, DATABASE(). */
export function reservedWordHazard(name: string): Hazard | null {
  return HAZARDS.get(name.toLowerCase()) ?? null;
}
