//! The database of the orders service: the orders, and the events about them.

use std::path::Path;

use anyhow::{Context, Result};
use rusqlite::Connection;

/// An event that waits to be published.
pub struct Waiting {
    /// Its place in the outbox.
    pub id: i64,
    /// The order that it is about.
    pub order: u32,
}

// ANCHOR: tables
/// Opens the database, and makes its tables where they are not there.
pub fn open(path: &Path) -> Result<Connection> {
    let database = Connection::open(path).context("cannot open the database")?;
    // A commit returns once the disk has it. SQLite's default, FULL, does not sync the folder after it
    // has deleted its journal: a power cut can bring the journal back, and that undoes an order
    // whose event is out.
    database.pragma_update(None, "synchronous", "EXTRA")?;
    database.execute_batch(
        "CREATE TABLE IF NOT EXISTS orders (number INTEGER PRIMARY KEY);
         CREATE TABLE IF NOT EXISTS outbox (
             id INTEGER PRIMARY KEY,
             order_number INTEGER,
             sent INTEGER DEFAULT FALSE
         );",
    )?;
    Ok(database)
}
// ANCHOR_END: tables

/// The order itself.
pub fn save(database: &Connection, order: u32) -> Result<()> {
    database.execute("INSERT INTO orders (number) VALUES (?1)", [order])?;
    Ok(())
}

/// The event about it.
pub fn put_in_outbox(database: &Connection, order: u32) -> Result<()> {
    let sql = "INSERT INTO outbox (order_number) VALUES (?1)";
    database.execute(sql, [order])?;
    Ok(())
}

/// What is not marked as sent, in the order in which it came into the outbox.
pub fn waiting(database: &Connection) -> Result<Vec<Waiting>> {
    let sql = "SELECT id, order_number FROM outbox WHERE NOT sent ORDER BY id";
    let mut query = database.prepare(sql)?;
    let rows = query.query_map([], |row| {
        Ok(Waiting {
            id: row.get(0)?,
            order: row.get(1)?,
        })
    })?;
    Ok(rows.collect::<Result<_, _>>()?)
}

/// Marks an event as sent.
pub fn mark(database: &Connection, event: &Waiting) -> Result<()> {
    let sql = "UPDATE outbox SET sent = TRUE WHERE id = ?1";
    database.execute(sql, [event.id])?;
    Ok(())
}

/// The numbers of the orders in the database.
pub fn saved(path: &Path) -> Result<Vec<u32>> {
    let database = open(path)?;
    let mut query = database.prepare("SELECT number FROM orders ORDER BY number")?;
    let rows = query.query_map([], |row| row.get(0))?;
    Ok(rows.collect::<Result<_, _>>()?)
}
