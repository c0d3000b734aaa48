/** Variables of a session that leave all rows as they are, by the reason why. */

const BY_REASON: Readonly<Record<string, string>> = {
  'Memory, threads and waiting. What runs out of them fails, and a replay that fails is a doubt.':
    'aria_repair_threads aria_sort_buffer_size big_tables bulk_insert_buffer_size ' +
    'connection_memory_chunk_size connection_memory_limit deadlock_search_depth_long ' +
    'deadlock_search_depth_short deadlock_timeout_long deadlock_timeout_short ' +
    'global_connection_memory_tracking idle_readonly_transaction_timeout idle_transaction_timeout ' +
    'idle_write_transaction_timeout innodb_ddl_buffer_size innodb_ddl_threads innodb_lock_wait_timeout ' +
    'innodb_parallel_read_threads innodb_tmpdir interactive_timeout internal_tmp_mem_storage_engine ' +
    'join_buffer_size join_buffer_space_limit join_cache_level lock_wait_timeout max_delayed_threads ' +
    'max_execution_time max_heap_table_size max_insert_delayed_threads max_open_cursors ' +
    'max_rowid_filter_size max_session_mem_used max_sp_recursion_depth max_statement_time ' +
    'max_tmp_session_space_usage max_tmp_tables max_user_connections mrr_buffer_size ' +
    'myisam_repair_threads myisam_sort_buffer_size net_buffer_length net_read_timeout net_retry_count ' +
    'net_write_timeout parser_max_mem_size preload_buffer_size query_alloc_block_size ' +
    'query_cache_strip_comments query_cache_type query_cache_wlock_invalidate query_prealloc_size ' +
    'range_alloc_block_size range_optimizer_max_mem_size read_buffer_size read_rnd_buffer_size ' +
    'rowid_merge_buff_size set_operations_buffer_size sort_buffer_size sql_big_tables tcp_nodelay ' +
    'thread_pool_priority thread_stack tmp_disk_table_size tmp_memory_table_size tmp_table_size ' +
    'transaction_alloc_block_size transaction_prealloc_size wait_timeout',

  'How rows are found. Which of them a LIMIT without ORDER BY picks is a doubt whatever these say.':
    'analyze_max_length engine_condition_pushdown eq_range_index_dive_limit expensive_subquery_limit ' +
    'in_predicate_conversion_threshold max_length_for_sort_data max_seeks_for_key ' +
    'optimizer_adjust_secondary_key_costs optimizer_disk_read_cost optimizer_disk_read_ratio ' +
    'optimizer_disk_setup_cost optimizer_extra_pruning_depth optimizer_index_block_copy_cost ' +
    'optimizer_join_limit_pref_ratio optimizer_key_compare_cost optimizer_key_copy_cost ' +
    'optimizer_key_lookup_cost optimizer_key_next_find_cost optimizer_max_sel_arg_weight ' +
    'optimizer_max_sel_args optimizer_max_subgraph_pairs optimizer_prune_level optimizer_row_copy_cost ' +
    'optimizer_row_lookup_cost optimizer_row_next_find_cost optimizer_rowid_compare_cost ' +
    'optimizer_rowid_copy_cost optimizer_scan_setup_cost optimizer_search_depth ' +
    'optimizer_selectivity_sampling_limit optimizer_switch optimizer_use_condition_selectivity ' +
    'optimizer_where_cost secondary_engine_cost_threshold sql_buffer_result sql_cache ' +
    'use_secondary_engine use_stat_tables',

  'What is gathered, counted, shown and logged.':
    'analyze_sample_percentage aria_stats_method enable_secondary_engine_statistics end_markers_in_json ' +
    'expand_fast_index_creation explain_format explain_json_format_version ' +
    'generated_random_password_length histogram_generation_max_mem_size histogram_size histogram_type ' +
    'information_schema_stats_expiry lc_messages log_disabled_statements log_queries_not_using_indexes ' +
    'log_slow_admin_statements log_slow_always_query_time log_slow_disabled_statements log_slow_filter ' +
    'log_slow_max_warnings log_slow_min_examined_row_limit log_slow_query log_slow_query_time ' +
    'log_slow_rate_limit log_slow_slave_statements log_slow_verbosity log_warnings long_query_time ' +
    'max_error_count min_examined_row_limit myisam_stats_method note_verbosity optimizer_record_context ' +
    'optimizer_trace optimizer_trace_features optimizer_trace_limit optimizer_trace_max_mem_size ' +
    'optimizer_trace_offset print_identified_with_as_hex profiling profiling_history_size ' +
    'progress_report_time query_response_time_session_stats resultset_metadata session_track_gtids ' +
    'session_track_schema session_track_state_change session_track_system_variables ' +
    'session_track_transaction_info show_create_table_skip_secondary_engine show_create_table_verbosity ' +
    'show_gipk_in_create_table_and_information_schema show_old_temporals slow_query_log sql_log_off ' +
    'sql_notes sql_quote_show_create sql_warnings terminology_use_previous userstat',

  'What a session may not do: a statement that is refused changes nothing, and one that is not does the same.':
    'max_join_size max_password_errors max_points_in_geometry require_row_format ' +
    'restrict_fk_on_non_standard_key sql_big_selects sql_max_join_size sql_require_primary_key ' +
    'sql_safe_updates transaction_read_only tx_read_only',

  'Who goes first, and when a transaction ends, which the status flags tell.':
    'completion_type innodb_snapshot_isolation innodb_table_locks low_priority_updates ' +
    'sql_low_priority_updates transaction_allow_batching xa_detach_on_prepare',

  'How tables are kept: the new server keeps them in its own way.':
    'alter_algorithm column_compression_threshold column_compression_zlib_level ' +
    'column_compression_zlib_strategy column_compression_zlib_wrap create_tmp_table_binlog_formats ' +
    'default_storage_engine default_table_encryption default_tmp_storage_engine enforce_storage_engine ' +
    'external_table_secondary_storage_engine external_table_storage_engine innodb_compression_default ' +
    'innodb_default_encryption_key_id innodb_strict_mode keep_files_on_create old_alter_table ' +
    'storage_engine table_type',

  'The old cluster’s own replication.':
    'binlog_alter_two_phase binlog_annotate_row_events binlog_direct_non_transactional_updates ' +
    'binlog_format binlog_row_image binlog_row_metadata binlog_row_value_options ' +
    'binlog_rows_query_log_events binlog_transaction_compression ' +
    'binlog_transaction_compression_level_zstd default_master_connection group_replication_consistency ' +
    'gtid_domain_id gtid_seq_no max_relay_log_size original_commit_timestamp rbr_exec_mode ' +
    'replicate_same_server_id server_id skip_parallel_replication skip_replication sql_log_bin ' +
    'sql_slave_skip_counter wsrep_causal_reads wsrep_dirty_reads wsrep_gtid_seq_no wsrep_on ' +
    'wsrep_osu_method wsrep_retry_autocommit wsrep_sync_wait wsrep_trx_fragment_size ' +
    'wsrep_trx_fragment_unit',

  'Of statements that are not replayed or are doubts in any case: LOAD DATA, views, queries in writes, RAND().':
    'character_set_filesystem cte_max_recursion_depth max_recursive_iterations pseudo_thread_id ' +
    'rand_seed1 rand_seed2 select_into_buffer_size select_into_disk_sync select_into_disk_sync_delay ' +
    'standard_compliant_cte updatable_views_with_limit',

  'Formats and ways of old servers that have no effect any more.':
    'date_format datetime_format debug_no_thread_alarm multi_range_count old time_format timed_mutexes',
};

export const HARMLESS_VARIABLES: ReadonlySet<string> = new Set(
  Object.values(BY_REASON).flatMap((names) => names.split(' ')),
);
