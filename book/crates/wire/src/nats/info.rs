//! INFO with the proxy's own addresses in it.

use bytes::Bytes;
use serde_json::Value;

use crate::Error;
use crate::address::Address;

/// The line with `door(broker)` in the place of each broker's address. A line that holds none, or is
/// no JSON, stays as it is.
pub(crate) fn moved(
    line: &Bytes,
    mut door: impl FnMut(Address) -> Result<Address, Error>,
) -> Result<Bytes, Error> {
    let start = line
        .iter()
        .position(|byte| *byte == b'{')
        .unwrap_or(line.len());
    let Ok(Value::Object(mut info)) = serde_json::from_slice(&line[start..]) else {
        return Ok(line.clone());
    };
    let mut changed = false;
    // The second list is of the WebSocket ports, where nobody listens for this protocol.
    changed |= info.remove("ws_connect_urls").is_some();
    if let Some(Value::Array(urls)) = info.get_mut("connect_urls") {
        changed = true;
        let mut doors = Vec::new();
        // What is no address cannot be connected to either.
        let all = urls.iter().filter_map(Value::as_str);
        for broker in all.filter_map(|url| Address::list(url).ok()).flatten() {
            let door = Value::from(door(broker)?.to_string());
            if !doors.contains(&door) {
                doors.push(door);
            }
        }
        *urls = doors;
    }
    if !changed {
        return Ok(line.clone());
    }
    let info = Value::Object(info);
    Ok(format!("INFO {info}\r\n").into())
}
