//! The database of the payments service: what was charged, and which messages were handled.

use std::path::Path;

use anyhow::{Context, Result};
use rusqlite::Connection;

/// What an order costs, in euros.
const PRICE: u32 = 20;

// ANCHOR: tables
/// Opens the database, and makes its tables where they are not there.
pub fn open(path: &Path) -> Result<Connection> {
    let database = Connection::open(path).context("cannot open the database")?;
    // A commit returns once the disk has it. SQLite's default, FULL, does not sync the folder after it
    // has deleted its journal: a power cut can bring the journal back, and that undoes a charge
    // whose message is acknowledged and gone.
    database.pragma_update(None, "synchronous", "EXTRA")?;
    database.execute_batch(
        "CREATE TABLE IF NOT EXISTS charges (order_number INTEGER, euros INTEGER);
         CREATE TABLE IF NOT EXISTS inbox (message_id TEXT PRIMARY KEY) WITHOUT ROWID;",
    )?;
    Ok(database)
}
// ANCHOR_END: tables

/// The effect.
pub fn charge(database: &Connection, order: u32) -> Result<()> {
    let sql = "INSERT INTO charges (order_number, euros) VALUES (?1, ?2)";
    database.execute(sql, (order, PRICE))?;
    Ok(())
}

// ANCHOR: remember
/// Puts the id in the inbox. False where it is there already: the message was handled before.
pub fn remember(database: &Connection, id: &str) -> Result<bool> {
    // The primary key decides, not a SELECT before: between a SELECT and an INSERT another worker
    // could put the same id there.
    let sql = "INSERT INTO inbox (message_id) VALUES (?1) ON CONFLICT DO NOTHING";
    Ok(database.execute(sql, [id])? == 1)
}
// ANCHOR_END: remember

/// Whether the id is in the inbox.
pub fn knows(database: &Connection, id: &str) -> Result<bool> {
    let sql = "SELECT EXISTS (SELECT 1 FROM inbox WHERE message_id = ?1)";
    Ok(database.query_row(sql, [id], |row| row.get(0))?)
}

/// What the customers have paid.
pub fn taken(path: &Path) -> Result<u32> {
    let sql = "SELECT coalesce(sum(euros), 0) FROM charges";
    Ok(open(path)?.query_row(sql, [], |row| row.get(0))?)
}
