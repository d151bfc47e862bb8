//! The database of a program that is graded: what is in it, and a trap in which the program stands
//! still in the middle of a write, so that it can be killed there.
//!
//! The trap is a trigger. SQLite runs it within the statement that fires it, in the program's own
//! process and transaction. It writes more than SQLite's cache holds, so that the files of the
//! database grow: that is how it is seen from outside. Then it counts, for longer than anybody waits.
//! Nothing of it is committed, and the end of the process undoes it, as it does with any write.
//!
//! Somebody who reads, and goes on reading, makes a program stand still at its commit.

#[cfg(test)]
mod tests;

use std::fs::Metadata;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use anyhow::{Context, Result};
use rusqlite::{Connection, ErrorCode};

/// How long the grader waits for a lock of the program's. It asks while nobody writes.
const PATIENCE: Duration = Duration::from_secs(10);
/// How much the files must have grown: more than any write of an exercise makes.
const GROWN: u64 = 4 << 20;
/// What the trap writes at most, in MiB: more than the caches that programs ask for.
const BALLAST: u32 = 128;
/// How often the files are looked at.
const LOOK: Duration = Duration::from_millis(10);
/// What SQLite adds to the name of a database for the files beside it.
const FILES: [&str; 3] = ["", "-journal", "-wal"];

/// A database that a program is given.
#[derive(Clone, Debug)]
pub struct Database(PathBuf);

/// A row of a table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Row {
    /// Its number in the table, 1 for the first.
    pub number: i64,
    /// What the column holds that was asked for, as text.
    pub text: String,
}

/// What a program does to a row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Change {
    /// It adds one.
    Insert,
    /// It changes one.
    Update,
}

/// A trap that is set.
#[derive(Debug)]
pub struct Trap {
    database: Database,
    triggers: usize,
    size: u64,
}

/// Somebody who reads.
#[derive(Debug)]
pub struct Reader {
    connection: Connection,
    database: Database,
    files: Vec<Option<(u64, SystemTime)>>,
}

impl Database {
    /// Makes the file, with what these statements make.
    ///
    /// # Errors
    /// When SQLite refuses.
    pub fn create(path: &Path, statements: &str) -> Result<Database> {
        let database = Database(path.to_owned());
        database.open(PATIENCE)?.execute_batch(statements)?;
        Ok(database)
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.0
    }

    /// What this column of the table holds, in the order of the rows. None while a program writes.
    ///
    /// # Errors
    /// When there is no such table, or SQLite cannot read it.
    pub fn rows(&self, table: &str, column: &str) -> Result<Option<Vec<Row>>> {
        let (table, column) = (quoted(table), quoted(column));
        let sql =
            format!("SELECT rowid, coalesce(CAST({column} AS TEXT), '') FROM {table} ORDER BY 1");
        let read = || {
            let database = self.open(Duration::ZERO)?;
            let mut query = database.prepare(&sql)?;
            let rows = query.query_map([], |row| {
                let (number, text) = (row.get(0)?, row.get(1)?);
                Ok(Row { number, text })
            })?;
            rows.collect::<rusqlite::Result<Vec<Row>>>()
        };
        match read() {
            Ok(rows) => Ok(Some(rows)),
            Err(error) if is_locked(&error) => Ok(None),
            Err(error) => Err(error).with_context(|| format!("cannot read the table {table}")),
        }
    }

    /// The tables that are there beside this one.
    ///
    /// # Errors
    /// When SQLite cannot read them.
    pub fn tables_beside(&self, table: &str) -> Result<Vec<String>> {
        let database = self.open(PATIENCE)?;
        // SQLite lets nobody set a trigger on a table of its own or of a module's.
        let mut query = database.prepare(
            "SELECT name FROM sqlite_schema WHERE type = 'table' AND name <> ?1 \
             AND name NOT LIKE 'sqlite_%' AND sql NOT LIKE 'CREATE VIRTUAL%' ORDER BY name",
        )?;
        let names = query.query_map([table], |row| row.get(0))?;
        Ok(names.collect::<Result<_, _>>()?)
    }

    /// Sets a trap: whoever does this to a row of one of these tables next, stands still in it.
    ///
    /// # Errors
    /// When SQLite refuses.
    pub fn trap<S: AsRef<str>>(&self, change: Change, tables: &[S]) -> Result<Trap> {
        let change = match change {
            Change::Insert => "INSERT",
            Change::Update => "UPDATE",
        };
        let mut sql = "BEGIN IMMEDIATE; CREATE TABLE trap_ballast (bytes BLOB);".to_owned();
        for (place, table) in tables.iter().enumerate() {
            let table = quoted(table.as_ref());
            sql += &format!(
                "CREATE TRIGGER trap_{place} AFTER {change} ON {table} BEGIN
                     INSERT INTO trap_ballast SELECT zeroblob(1048576) FROM (
                         WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n)
                         SELECT i FROM n LIMIT {BALLAST}
                     );
                     SELECT max(i) FROM (
                         WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n)
                         SELECT i FROM n LIMIT 1000000000000
                     );
                 END;"
            );
        }
        sql += "COMMIT;";
        self.open(PATIENCE)?.execute_batch(&sql)?;
        Ok(Trap {
            database: self.clone(),
            triggers: tables.len(),
            size: self.size(),
        })
    }

    /// Reads this table, and goes on reading until [`Reader::stop`]. Who commits waits for that, unless
    /// the journal is a write-ahead log.
    ///
    /// # Errors
    /// When there is no such table, or SQLite cannot read it.
    pub fn reader(&self, table: &str) -> Result<Reader> {
        let connection = self.open(PATIENCE)?;
        connection.execute_batch("BEGIN")?;
        let sql = format!("SELECT count(*) FROM {}", quoted(table));
        connection.query_row(&sql, [], |_| Ok(()))?;
        Ok(Reader {
            connection,
            database: self.clone(),
            files: self.files(),
        })
    }

    /// Returns once a transaction has been committed, from now on.
    ///
    /// # Errors
    /// When SQLite cannot read the database.
    pub async fn changed(&self) -> Result<()> {
        let database = self.open(Duration::ZERO)?;
        let mut first = None;
        let mut look = tokio::time::interval(LOOK);
        loop {
            look.tick().await;
            let version = database.query_row("PRAGMA data_version", [], |row| row.get(0));
            match version {
                Ok(version) if first.is_none_or(|first: i64| first == version) => {
                    first = Some(version);
                }
                Ok(_) => return Ok(()),
                Err(error) if is_locked(&error) => {}
                Err(error) => return Err(error.into()),
            }
        }
    }

    fn open(&self, patience: Duration) -> rusqlite::Result<Connection> {
        let database = Connection::open(&self.0)?;
        database.busy_timeout(patience)?;
        Ok(database)
    }

    /// The bytes of its files.
    fn size(&self) -> u64 {
        self.files()
            .into_iter()
            .flatten()
            .map(|(size, _)| size)
            .sum()
    }

    /// How large each of its files is, and when it was written last.
    fn files(&self) -> Vec<Option<(u64, SystemTime)>> {
        let known = |file: Metadata| Some((file.len(), file.modified().ok()?));
        let each = FILES.iter().map(|end| {
            let mut name = self.0.clone().into_os_string();
            name.push(end);
            std::fs::metadata(name).ok().and_then(known)
        });
        each.collect()
    }
}

impl Trap {
    /// Returns once a program stands still in it.
    pub async fn sprung(&self) {
        let mut look = tokio::time::interval(LOOK);
        while self.database.size() < self.size + GROWN {
            look.tick().await;
        }
    }

    /// Whether nothing is there of the writes in which somebody stood still. Whoever stood in it is to be
    /// gone by then.
    ///
    /// # Errors
    /// When SQLite cannot read the database.
    pub fn is_undone(&self) -> Result<bool> {
        let database = self.database.open(PATIENCE)?;
        let sql = "SELECT NOT EXISTS (SELECT 1 FROM trap_ballast)";
        Ok(database.query_row(sql, [], |row| row.get(0))?)
    }

    /// Takes it away. Whoever stood in it is to be gone by then.
    ///
    /// # Errors
    /// When somebody still stands in it, or SQLite refuses.
    pub fn remove(self) -> Result<()> {
        let triggers = 0..self.triggers;
        let mut sql: String = triggers
            .map(|place| format!("DROP TRIGGER IF EXISTS trap_{place};"))
            .collect();
        sql += "DROP TABLE trap_ballast;";
        let removed = self.database.open(PATIENCE)?.execute_batch(&sql);
        removed.context("cannot take the trap out of the database")
    }
}

impl Reader {
    /// Returns once somebody has begun to write meanwhile: the files are not what they were.
    pub async fn met(&self) {
        let mut look = tokio::time::interval(LOOK);
        while self.database.files() == self.files {
            look.tick().await;
        }
    }

    /// Whether somebody has the lock of those who write, and may have written nothing yet: so it is with
    /// `BEGIN EXCLUSIVE`, which waits for who reads before its first write.
    ///
    /// # Errors
    /// When SQLite cannot open the database.
    pub fn is_in_the_way(&self) -> Result<bool> {
        let database = self.database.open(Duration::ZERO)?;
        match database.execute_batch("BEGIN IMMEDIATE; ROLLBACK") {
            Ok(()) => Ok(false),
            Err(error) if is_locked(&error) => Ok(true),
            Err(error) => Err(error.into()),
        }
    }

    /// Reads no more.
    ///
    /// # Errors
    /// When SQLite refuses.
    pub fn stop(self) -> Result<()> {
        let stopped = self.connection.execute_batch("COMMIT");
        stopped.context("cannot end the reading")
    }
}

/// A name as SQL takes it, whatever is in it.
fn quoted(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

fn is_locked(error: &rusqlite::Error) -> bool {
    let code = error.sqlite_error_code();
    code.is_some_and(|code| matches!(code, ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked))
}
