//! How RocksDB is set up, and why.
//!
//! Owns every number that it is given; knows nothing of records.

use std::num::NonZeroU64;
use std::str::FromStr;
use std::thread::available_parallelism;

use rocksdb::{BlockBasedOptions, Cache, ColumnFamilyDescriptor, DBCompressionType, Options};

use crate::keys::Keyspace;

const KIB: usize = 1 << 10;
const MIB: usize = 1 << 20;

/// Values longer than this, in bytes, go to blob files, which compactions do not copy.
const BLOB_BYTES_MIN: u64 = 4 << 10;
/// Size of a block of a table, in bytes: what one read from the disk brings.
const BLOCK_BYTES: usize = 16 * KIB;
/// Bits of a Bloom filter per key: one in a hundred looks for a missing key reads a block in vain.
const BLOOM_BITS_PER_KEY: f64 = 10.0;
/// Table files that are open at once: bounds the descriptors, and opening a database with more opens
/// only some of them at once.
const FILES_OPEN_MAX: i32 = 1_000;
/// RocksDB's own log, in bytes per file and in files.
const INFO_LOG_BYTES_MAX: usize = 4 * MIB;
const INFO_LOG_FILES_MAX: usize = 4;
/// A table of a queue is compacted when so many of so many rows in a row are tombstones, or this share
/// of all.
const QUEUE_WINDOW_ROWS: usize = 1_024;
const QUEUE_WINDOW_TOMBSTONES: usize = 256;
const QUEUE_TOMBSTONE_RATIO: f64 = 0.3;
/// A queue's write buffer is flushed, and so becomes subject to the above, when one step of a walk passes
/// over so many tombstones in it.
const QUEUE_STEP_TOMBSTONES: &str = "memtable_op_scan_flush_trigger=4096";

/// The store's bounds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoreOptions {
    /// Keys and values that become durable with one fdatasync, in bytes; a larger batch is written by
    /// itself. Default 1 MiB.
    pub group_bytes_max: usize,
    /// Batches that become durable with one fdatasync. More make each wait longer and bring no more per
    /// second. Default 512.
    pub group_commits_max: usize,
    /// Memory for blocks of tables, for all keyspaces, in bytes. Default 128 MiB.
    pub cache_bytes: usize,
    /// Memory for changes that are not in tables yet, per keyspace and before it is flushed, in bytes.
    /// Default 32 MiB.
    pub write_buffer_bytes: usize,
    /// Log on disk before the keyspaces with the oldest changes are flushed, in bytes. After a crash it is
    /// read again when the host starts: about 0.4 s for 16 MiB of small changes. Default 16 MiB.
    pub log_bytes_max: u64,
    /// For tests of the host only: where the process ends as by a power failure. Default: nowhere.
    pub stop: Option<Stop>,
}

/// A moment between two commits. As text: `before:3`, `after:3`.
///
/// Commits are counted from 1 at every opening, without empty ones; each is then written by itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stop {
    /// The commits below this one are durable and have had their effects.
    Before(NonZeroU64),
    /// This one is durable too, and nobody has been told.
    After(NonZeroU64),
}

impl FromStr for Stop {
    type Err = String;

    fn from_str(text: &str) -> Result<Stop, String> {
        let wrong = || format!("{text:?} is neither before:N nor after:N with N from 1 on");
        let (moment, number) = text.split_once(':').ok_or_else(wrong)?;
        let number = number.parse().map_err(|_| wrong())?;
        match moment {
            "before" => Ok(Stop::Before(number)),
            "after" => Ok(Stop::After(number)),
            _ => Err(wrong()),
        }
    }
}

impl Default for StoreOptions {
    fn default() -> StoreOptions {
        StoreOptions {
            group_bytes_max: MIB,
            group_commits_max: 512,
            cache_bytes: 128 * MIB,
            write_buffer_bytes: 32 * MIB,
            log_bytes_max: 16 << 20,
            stop: None,
        }
    }
}

/// What holds for the database as a whole.
pub(crate) fn database(options: &StoreOptions) -> Options {
    let cores = available_parallelism().map_or(1, usize::from);
    let mut settings = Options::default();
    settings.create_if_missing(true);
    settings.create_missing_column_families(true);
    let cores = i32::try_from(cores).unwrap_or(i32::MAX);
    settings.increase_parallelism(cores);
    // RocksDB starts so many for each keyspace, also where it has no file to open: 16 where nothing is said.
    settings.set_max_file_opening_threads(cores);
    settings.set_max_total_wal_size(options.log_bytes_max);
    settings.set_max_open_files(FILES_OPEN_MAX);
    // Statistics that only compaction's choices use; reading them delays the opening.
    settings.set_skip_stats_update_on_db_open(true);
    // There is one writer, and it does not compete with itself.
    settings.set_allow_concurrent_memtable_write(false);
    settings.set_enable_write_thread_adaptive_yield(false);
    // Files are deleted in the background, not by the reader that used them last.
    settings.set_avoid_unnecessary_blocking_io(true);
    settings.set_max_log_file_size(INFO_LOG_BYTES_MAX);
    settings.set_keep_log_file_num(INFO_LOG_FILES_MAX);
    settings.set_stats_dump_period_sec(0);
    settings.set_stats_persist_period_sec(0);
    settings
}

/// The keyspaces, each with what holds for it.
pub(crate) fn families(
    options: &StoreOptions,
) -> Result<Vec<ColumnFamilyDescriptor>, rocksdb::Error> {
    let cache = Cache::new_lru_cache(options.cache_bytes);
    let describe = |keyspace: Keyspace| {
        let settings = family(keyspace, options, &cache)?;
        Ok(ColumnFamilyDescriptor::new(keyspace.name(), settings))
    };
    Keyspace::ALL.into_iter().map(describe).collect()
}

fn family(
    keyspace: Keyspace,
    options: &StoreOptions,
    cache: &Cache,
) -> Result<Options, rocksdb::Error> {
    let mut settings = Options::default();
    if is_queue(keyspace) {
        // The crate has no function for it. First, because it makes new settings.
        settings = settings.get_options_from_string(QUEUE_STEP_TOMBSTONES)?;
        settings.add_compact_on_deletion_collector_factory(
            QUEUE_WINDOW_ROWS,
            QUEUE_WINDOW_TOMBSTONES,
            QUEUE_TOMBSTONE_RATIO,
        );
    }
    if is_short(keyspace) {
        // A flush that is mostly tombstones is merged at once: RocksDB heeds the collector above only in
        // a table that has another below it.
        settings.set_level_zero_file_num_compaction_trigger(1);
    }
    settings.set_write_buffer_size(options.write_buffer_bytes);
    // A burst fills one while others are flushed, and does not wait.
    settings.set_max_write_buffer_number(4);
    settings.set_compression_type(DBCompressionType::Lz4);
    settings.set_bottommost_compression_type(DBCompressionType::Zstd);
    settings.set_block_based_table_factory(&table(cache));
    if has_payloads(keyspace) {
        settings.set_enable_blob_files(true);
        settings.set_min_blob_size(BLOB_BYTES_MIN);
        settings.set_blob_compression_type(DBCompressionType::Lz4);
        settings.set_enable_blob_gc(true);
    }
    Ok(settings)
}

/// No prefix extractor: prefixes have no fixed length, and every walk is bounded at both ends, which lets
/// RocksDB skip the files outside.
fn table(cache: &Cache) -> BlockBasedOptions {
    let mut table = BlockBasedOptions::default();
    table.set_block_cache(cache);
    table.set_block_size(BLOCK_BYTES);
    table.set_bloom_filter(BLOOM_BITS_PER_KEY, false);
    // In the cache, so that they count against its bound.
    table.set_cache_index_and_filter_blocks(true);
    table.set_pin_l0_filter_and_index_blocks_in_cache(true);
    table
}

/// Whether nearly every row is deleted soon, so that walks from the front would pass over more tombstones
/// than rows. In the index it is the rows of instances that have not ended.
fn is_queue(keyspace: Keyspace) -> bool {
    match keyspace {
        Keyspace::Inbox | Keyspace::Timer | Keyspace::Task | Keyspace::Reply | Keyspace::Index => {
            true
        }
        Keyspace::Meta
        | Keyspace::Instance
        | Keyspace::History
        | Keyspace::Actor
        | Keyspace::Reminder
        | Keyspace::Delayed
        | Keyspace::Topic
        | Keyspace::Audit => false,
    }
}

/// Whether a queue has so few rows at a time that merging it anew with every flush costs next to nothing.
fn is_short(keyspace: Keyspace) -> bool {
    match keyspace {
        Keyspace::Inbox | Keyspace::Timer | Keyspace::Task => true,
        Keyspace::Meta
        | Keyspace::Instance
        | Keyspace::History
        | Keyspace::Actor
        | Keyspace::Reminder
        | Keyspace::Delayed
        | Keyspace::Reply
        | Keyspace::Index
        | Keyspace::Topic
        | Keyspace::Audit => false,
    }
}

/// Whether values can be as long as a caller likes.
fn has_payloads(keyspace: Keyspace) -> bool {
    match keyspace {
        Keyspace::Meta
        | Keyspace::Instance
        | Keyspace::History
        | Keyspace::Inbox
        | Keyspace::Actor
        | Keyspace::Reminder
        | Keyspace::Delayed
        | Keyspace::Reply => true,
        Keyspace::Timer | Keyspace::Task | Keyspace::Index | Keyspace::Topic | Keyspace::Audit => {
            false
        }
    }
}
