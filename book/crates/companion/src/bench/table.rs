//! Times as a table.

use std::time::Duration;

/// One line of the table.
pub struct Row {
    /// What was measured: a broker with its version, a listing, an exercise.
    pub what: String,
    /// Under what conditions, or until what.
    pub how: String,
    /// One time for each run.
    pub times: Vec<Duration>,
}

/// The table under these names of its first two columns, with the least, the median and the greatest
/// time of each row.
pub fn render([what, how]: [&str; 2], rows: &[Row]) -> String {
    let head = [what, how, "min", "median", "max"].map(str::to_owned);
    let lines: Vec<[String; 5]> = std::iter::once(head)
        .chain(rows.iter().map(cells))
        .collect();
    let width = |column: usize| lines.iter().map(|line| line[column].chars().count()).max();
    let widths: Vec<usize> = (0..5).map(|column| width(column).unwrap_or(0)).collect();
    let mut table = String::new();
    for [what, how, min, median, max] in &lines {
        let line = format!(
            "{what:0$}  {how:1$}  {min:>2$}  {median:>3$}  {max:>4$}",
            widths[0], widths[1], widths[2], widths[3], widths[4]
        );
        table.push_str(line.trim_end());
        table.push('\n');
    }
    table.trim_end().to_owned()
}

fn cells(row: &Row) -> [String; 5] {
    let mut times = row.times.clone();
    times.sort();
    let [min, median, max] = match times.as_slice() {
        [] => ["-", "-", "-"].map(str::to_owned),
        [min, .., max] => [*min, median(&times), *max].map(milliseconds),
        [only] => [*only; 3].map(milliseconds),
    };
    [row.what.clone(), row.how.clone(), min, median, max]
}

/// The middle one of sorted times; between the two middle ones of an even number.
fn median(sorted: &[Duration]) -> Duration {
    let (below, above) = (sorted[(sorted.len() - 1) / 2], sorted[sorted.len() / 2]);
    (below + above) / 2
}

fn milliseconds(time: Duration) -> String {
    format!("{} ms", time.as_millis())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(what: &str, how: &str, times: &[u64]) -> Row {
        let times = times.iter().copied().map(Duration::from_millis).collect();
        Row {
            what: what.to_owned(),
            how: how.to_owned(),
            times,
        }
    }

    #[test]
    fn columns_line_up_and_times_are_ordered() {
        let rows = [
            row("NATS 2.15.1", "native, alone", &[31, 28, 40]),
            row(
                "RabbitMQ 4.3.6",
                "native, all at once",
                &[2400, 2600, 2900, 2500],
            ),
            row("Kafka 4.4.0", "warm, handshake", &[3]),
            row("all three", "native, all at once", &[]),
        ];
        insta::assert_snapshot!(render(["broker", "source"], &rows));
    }
}
