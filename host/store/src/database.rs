//! The open database with the lock on its directory: what reader and committer share.
//!
//! The only file besides `settings` and `open` that talks to RocksDB. Keeps the order of the end: the
//! database is closed first, then the directory is free for the next process.

use std::fmt;
use std::fs::File;

use rocksdb::{
    ColumnFamily, DB, DBPinnableSlice, FlushOptions, ReadOptions, WriteBatch, WriteOptions,
};

use crate::batch::{Change, Op};
use crate::keys::{KeyRange, Keyspace};

/// A row: key and value.
pub(crate) type Row<'a> = (&'a [u8], &'a [u8]);

pub(crate) struct Database {
    db: DB,
    // Declared behind `db`, so dropped after it.
    _lock: Lock,
}

/// The lock on a directory, until this is dropped.
#[derive(Debug)]
pub(crate) struct Lock(pub(crate) File);

impl Drop for Lock {
    fn drop(&mut self) {
        // Closing the file would not do: a process that is just being started holds a copy of it for a moment.
        // Where it cannot be unlocked, closing it is all that is left.
        let _ = self.0.unlock();
    }
}

impl fmt::Debug for Database {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Database").field(&self.db.path()).finish()
    }
}

impl Database {
    pub(crate) fn new(db: DB, lock: Lock) -> Database {
        let database = Database { db, _lock: lock };
        for keyspace in Keyspace::ALL {
            // Fails here, when it is opened, rather than at the first use.
            database.family(keyspace);
        }
        database
    }

    pub(crate) fn get(
        &self,
        keyspace: Keyspace,
        key: &[u8],
    ) -> Result<Option<DBPinnableSlice<'_>>, rocksdb::Error> {
        self.db.get_pinned_cf(self.family(keyspace), key)
    }

    /// Makes the changes durable: returns when the log with them has reached the disk.
    pub(crate) fn write<'a>(
        &self,
        bytes: usize,
        ops: impl Iterator<Item = &'a Op>,
    ) -> Result<(), rocksdb::Error> {
        // What RocksDB adds to each of a handful of changes; more grows by itself.
        let mut batch = WriteBatch::with_capacity_bytes(bytes + bytes / 4 + 64);
        let families = Keyspace::ALL.map(|keyspace| self.family(keyspace));
        for op in ops {
            let family = families[op.keyspace as usize];
            match &op.change {
                Change::Put(value) => batch.put_cf(family, &op.key, value),
                Change::Delete => batch.delete_cf(family, &op.key),
                Change::DeleteUntil(end) => batch.delete_range_cf(family, &op.key, end),
            }
        }
        let mut options = WriteOptions::default();
        options.set_sync(true);
        self.db.write_opt(batch, &options)
    }

    /// Writes what is only in the log and in memory into tables, so that the next opening reads no log.
    pub(crate) fn flush(&self) -> Result<(), rocksdb::Error> {
        let families = Keyspace::ALL.map(|keyspace| self.family(keyspace));
        self.db.flush_cfs_opt(&families, &FlushOptions::default())
    }

    /// What is durable now, unchanged by later writes.
    pub(crate) fn view(&self) -> View<'_> {
        let snapshot = self.db.snapshot();
        View {
            database: self,
            snapshot,
        }
    }

    /// Walks a range from its beginning, over what was durable when the walk began.
    pub(crate) fn walk(&self, keyspace: Keyspace, range: KeyRange) -> Walk<'_> {
        self.walk_with(ReadOptions::default(), keyspace, range)
    }

    fn walk_with(&self, mut options: ReadOptions, keyspace: Keyspace, range: KeyRange) -> Walk<'_> {
        if range.is_empty() {
            return Walk(None);
        }
        // Both bounds, so that RocksDB looks into no file and at no tombstone beyond them.
        options.set_iterate_lower_bound(range.lower);
        if let Some(upper) = range.upper {
            options.set_iterate_upper_bound(upper);
        }
        let mut rows = self.db.raw_iterator_cf_opt(self.family(keyspace), options);
        rows.seek_to_first();
        Walk(Some(rows))
    }

    fn family(&self, keyspace: Keyspace) -> &ColumnFamily {
        let family = self.db.cf_handle(keyspace.name());
        family.expect("opening names every keyspace, and none is ever dropped")
    }
}

/// The database as it was at one moment.
pub(crate) struct View<'a> {
    database: &'a Database,
    snapshot: rocksdb::Snapshot<'a>,
}

impl<'a> View<'a> {
    pub(crate) fn get(
        &self,
        keyspace: Keyspace,
        key: &[u8],
    ) -> Result<Option<DBPinnableSlice<'_>>, rocksdb::Error> {
        let family = self.database.family(keyspace);
        self.snapshot.get_pinned_cf(family, key)
    }

    pub(crate) fn walk(&self, keyspace: Keyspace, range: KeyRange) -> Walk<'_> {
        let mut options = ReadOptions::default();
        options.set_snapshot(&self.snapshot);
        self.database.walk_with(options, keyspace, range)
    }
}

/// A place in a range of rows.
pub(crate) struct Walk<'a>(Option<rocksdb::DBRawIterator<'a>>);

impl Walk<'_> {
    /// The row here; none at the end of the range.
    pub(crate) fn row(&self) -> Result<Option<Row<'_>>, rocksdb::Error> {
        let Some(rows) = &self.0 else { return Ok(None) };
        match rows.item() {
            Some(row) => Ok(Some(row)),
            // At its end or at an error, and only the status tells which.
            None => rows.status().map(|()| None),
        }
    }

    /// Goes one row on. There must be a row here.
    pub(crate) fn next(&mut self) {
        if let Some(rows) = &mut self.0 {
            rows.next();
        }
    }

    /// Goes to the first row at `key` or behind.
    pub(crate) fn seek(&mut self, key: &[u8]) {
        if let Some(rows) = &mut self.0 {
            rows.seek(key);
        }
    }

    /// Goes to the end.
    pub(crate) fn finish(&mut self) {
        self.0 = None;
    }
}
