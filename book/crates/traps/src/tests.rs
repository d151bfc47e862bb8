//! A trap holds a writer in any of SQLite's modes, and leaves nothing behind.
#![allow(clippy::unwrap_used)]

use std::sync::mpsc;
use std::thread;

use tempfile::TempDir;
use tokio::time::timeout;

use super::*;

const TABLES: &str = "CREATE TABLE charges (order_id TEXT); CREATE TABLE inbox (id TEXT);";
/// How long a test waits for what must happen.
const LONG: Duration = Duration::from_secs(60);

fn database(folder: &TempDir) -> Database {
    Database::create(&folder.path().join("shop.db"), TABLES).unwrap()
}

fn texts(database: &Database) -> Vec<String> {
    let rows = database.rows("charges", "order_id").unwrap().unwrap();
    rows.into_iter().map(|row| row.text).collect()
}

/// Inserts a charge after these statements, in a transaction, and is stopped when it stands in the
/// trap.
async fn stopped(statements: &str) {
    let folder = TempDir::new().unwrap();
    let database = database(&folder);
    let size = database.size();
    let trap = database
        .trap(Change::Insert, &["inbox", "charges"])
        .unwrap();
    let writer = Connection::open(database.path()).unwrap();
    writer.execute_batch(statements).unwrap();
    let handle = writer.get_interrupt_handle();
    let writes = thread::spawn(move || {
        writer.execute_batch("BEGIN; INSERT INTO charges VALUES ('o-1'); COMMIT")
    });
    timeout(LONG, trap.sprung()).await.unwrap();
    assert!(!writes.is_finished());
    handle.interrupt();
    assert!(writes.join().unwrap().is_err());
    assert!(trap.is_undone().unwrap());
    trap.remove().unwrap();
    assert_eq!(texts(&database), [""; 0]);
    assert_eq!(database.tables_beside("charges").unwrap(), ["inbox"]);
    assert!(database.size() < size + GROWN);
}

#[tokio::test]
async fn who_writes_stands_still_and_is_undone() {
    stopped("").await;
}

#[tokio::test]
async fn so_with_a_write_ahead_log_and_a_large_cache() {
    stopped("PRAGMA journal_mode = WAL; PRAGMA cache_size = -64000").await;
}

#[tokio::test]
async fn who_writes_elsewhere_does_not_stand_still() {
    let folder = TempDir::new().unwrap();
    let database = database(&folder);
    let trap = database.trap(Change::Insert, &["inbox"]).unwrap();
    let writer = Connection::open(database.path()).unwrap();
    let insert = "INSERT INTO charges VALUES (?1)";
    for order in ["o-1", "o-2"] {
        writer.execute(insert, [order]).unwrap();
    }
    trap.remove().unwrap();
    writer
        .execute("INSERT INTO inbox VALUES ('o-1')", [])
        .unwrap();
    assert_eq!(texts(&database), ["o-1", "o-2"]);
}

#[tokio::test]
async fn who_adds_a_row_does_not_stand_still_where_one_is_to_be_changed() {
    let folder = TempDir::new().unwrap();
    let database = database(&folder);
    let trap = database.trap(Change::Update, &["charges"]).unwrap();
    let writer = Connection::open(database.path()).unwrap();
    let insert = "INSERT INTO charges VALUES ('o-1')";
    writer.execute(insert, []).unwrap();
    let handle = writer.get_interrupt_handle();
    let changes = thread::spawn(move || writer.execute("UPDATE charges SET order_id = 'o-2'", []));
    timeout(LONG, trap.sprung()).await.unwrap();
    assert!(!changes.is_finished());
    handle.interrupt();
    assert!(changes.join().unwrap().is_err());
    trap.remove().unwrap();
    assert_eq!(texts(&database), ["o-1"]);
}

#[tokio::test]
async fn who_commits_waits_for_who_reads() {
    let folder = TempDir::new().unwrap();
    let database = database(&folder);
    let reader = database.reader("charges").unwrap();
    let path = database.path().to_owned();
    let writes = thread::spawn(move || {
        let writer = Connection::open(path).unwrap();
        writer.busy_timeout(LONG).unwrap();
        let insert = "INSERT INTO charges VALUES ('o-1')";
        writer.execute(insert, []).unwrap();
    });
    timeout(LONG, reader.met()).await.unwrap();
    assert!(!writes.is_finished());
    reader.stop().unwrap();
    writes.join().unwrap();
    assert_eq!(texts(&database), ["o-1"]);
}

#[tokio::test]
async fn who_wants_all_for_itself_waits_for_who_reads_and_has_written_nothing() {
    let folder = TempDir::new().unwrap();
    let database = database(&folder);
    let reader = database.reader("charges").unwrap();
    assert!(!reader.is_in_the_way().unwrap());
    let path = database.path().to_owned();
    let writes = thread::spawn(move || {
        let writer = Connection::open(path).unwrap();
        writer.busy_timeout(LONG).unwrap();
        let exclusive = "BEGIN EXCLUSIVE; INSERT INTO charges VALUES ('o-1'); COMMIT";
        writer.execute_batch(exclusive).unwrap();
    });
    let waits = async {
        while !reader.is_in_the_way().unwrap() {
            tokio::task::yield_now().await;
        }
    };
    timeout(LONG, waits).await.unwrap();
    assert!(timeout(Duration::ZERO, reader.met()).await.is_err());
    reader.stop().unwrap();
    writes.join().unwrap();
    assert_eq!(texts(&database), ["o-1"]);
}

#[tokio::test]
async fn a_write_is_seen_where_the_journal_keeps_its_size() {
    let folder = TempDir::new().unwrap();
    let database = database(&folder);
    let writer = Connection::open(database.path()).unwrap();
    writer
        .execute_batch("PRAGMA journal_mode = PERSIST")
        .unwrap();
    writer.busy_timeout(LONG).unwrap();
    let insert = "INSERT INTO charges VALUES ('o-1')";
    writer.execute(insert, []).unwrap();
    // Long ago, however fast this machine is.
    let journal = std::fs::File::options()
        .write(true)
        .open(folder.path().join("shop.db-journal"));
    journal
        .unwrap()
        .set_modified(SystemTime::UNIX_EPOCH)
        .unwrap();
    let reader = database.reader("charges").unwrap();
    let writes = thread::spawn(move || writer.execute(insert, []));
    timeout(LONG, reader.met()).await.unwrap();
    assert!(!writes.is_finished());
    reader.stop().unwrap();
    assert_eq!(writes.join().unwrap(), Ok(1));
    assert_eq!(texts(&database), ["o-1", "o-1"]);
}

#[test]
fn with_a_write_ahead_log_nobody_waits_for_who_reads() {
    let folder = TempDir::new().unwrap();
    let database = database(&folder);
    let writer = Connection::open(database.path()).unwrap();
    writer
        .execute_batch("PRAGMA journal_mode = WAL; PRAGMA busy_timeout = 0")
        .unwrap();
    let reader = database.reader("charges").unwrap();
    let insert = "INSERT INTO charges VALUES ('o-1')";
    writer.execute(insert, []).unwrap();
    reader.stop().unwrap();
    assert_eq!(texts(&database), ["o-1"]);
}

#[test]
fn nothing_is_read_while_somebody_writes() {
    let folder = TempDir::new().unwrap();
    let database = database(&folder);
    let writer = Connection::open(database.path()).unwrap();
    writer.execute_batch("BEGIN EXCLUSIVE").unwrap();
    assert_eq!(database.rows("charges", "order_id").unwrap(), None);
    writer.execute_batch("COMMIT").unwrap();
    assert_eq!(database.rows("charges", "order_id").unwrap(), Some(vec![]));
    let missing = database.rows("orders", "order_id").unwrap_err();
    assert_eq!(missing.to_string(), "cannot read the table \"orders\"");
}

#[tokio::test]
async fn a_commit_is_seen_and_a_transaction_is_not() {
    let folder = TempDir::new().unwrap();
    let database = database(&folder);
    let (commit, committed) = mpsc::channel();
    let path = database.path().to_owned();
    let writes = thread::spawn(move || {
        let writer = Connection::open(path).unwrap();
        let insert = "BEGIN; INSERT INTO charges VALUES ('o-1')";
        writer.execute_batch(insert).unwrap();
        committed.recv().unwrap();
        writer.execute_batch("COMMIT").unwrap();
    });
    let mut changed = std::pin::pin!(database.changed());
    let moment = Duration::from_millis(100);
    assert!(timeout(moment, &mut changed).await.is_err());
    commit.send(()).unwrap();
    timeout(LONG, changed).await.unwrap().unwrap();
    writes.join().unwrap();
}
