//! The pages that are tables: each best practice stands with what happens without it, and what is said
//! of a broker beside the others with what shows it.

use std::collections::BTreeSet;

/// The head of a table of practices.
const HEAD: [&str; 3] = ["Practice", "Without it", "See"];
/// What the tables begin with that set the brokers side by side.
const ASPECT: &str = "Aspect";
/// How many practices the tables hold: of NATS, RabbitMQ, Kafka, and of all three.
const ROWS: [usize; 4] = [6, 7, 8, 8];

/// A row of a table of practices, with its line.
struct Row<'a> {
    line: usize,
    cells: Vec<&'a str>,
}

/// The tables hold every practice, and each has a claim, a page and, if any, a recorded command.
pub fn have_reasons(
    path: &str,
    markdown: &str,
    pages: &[String],
    recorded: &BTreeSet<String>,
) -> Vec<String> {
    let tables = tables(markdown);
    let mut problems = Vec::new();
    let rows: Vec<usize> = tables.iter().map(Vec::len).collect();
    if rows != ROWS {
        problems.push(format!(
            "{path}:1: the tables of practices hold {rows:?} rows, and there are {ROWS:?}; \
             write the missing ones, or change the numbers in tests/src/tidy/practices.rs"
        ));
    }
    for row in tables.into_iter().flatten() {
        let place = format!("{path}:{}", row.line);
        let [_, without, see] = row.cells[..] else {
            problems.push(format!(
                "{place}: a practice has the cells {}; write all three",
                HEAD.join(", ")
            ));
            continue;
        };
        if !without.contains("[claim: ") || !without.ends_with("].") {
            problems.push(format!(
                "{place}: what happens without the practice is not shown; end the sentence with [claim: ...]"
            ));
        }
        let linked: Vec<&str> = see
            .split("](")
            .skip(1)
            .filter_map(|rest| rest.split_once(".md)"))
            .map(|(page, _)| page)
            .collect();
        if linked.is_empty() {
            problems.push(format!(
                "{place}: the practice has no page; link to one that explains it"
            ));
        }
        for page in linked {
            if !pages.iter().any(|slug| slug == page) {
                problems.push(format!(
                    "{place}: there is no page {page}; correct the link"
                ));
            }
        }
        for command in see.split('`').skip(1).step_by(2) {
            if !recorded.contains(command) {
                problems.push(format!(
                    "{place}: no transcript shows `{command}`; name a command that has been recorded"
                ));
            }
        }
    }
    problems
}

/// Each cell of a table of aspects leads to a page, a test or a source that shows what it says.
pub fn aspects_lead_on(path: &str, markdown: &str) -> Vec<String> {
    let mut problems = Vec::new();
    let (mut inside, mut rows) = (false, 0);
    for (index, line) in markdown.lines().enumerate() {
        let Some(cells) = cells(line) else {
            inside = false;
            continue;
        };
        if cells[0] == ASPECT {
            inside = true;
        } else if inside && !line.starts_with("|---") {
            rows += 1;
            let leads_on = |cell: &&&str| cell.contains("](") || cell.contains("[claim: ");
            for cell in cells.iter().skip(1).filter(|cell| !leads_on(cell)) {
                problems.push(format!(
                    "{path}:{}: nothing shows `{cell}`; add a link or [claim: ...]",
                    index + 1
                ));
            }
        }
    }
    if rows == 0 {
        problems.push(format!(
            "{path}:1: there is no table with the head `{ASPECT}`; write it, or name its head in \
             tests/src/tidy/practices.rs"
        ));
    }
    problems
}

/// The cells of a line that is a row of a table.
fn cells(line: &str) -> Option<Vec<&str>> {
    let row = line.strip_prefix('|')?.strip_suffix('|')?;
    Some(row.split('|').map(str::trim).collect())
}

/// The tables of practices, each as its rows.
fn tables(markdown: &str) -> Vec<Vec<Row<'_>>> {
    let mut tables: Vec<Vec<Row>> = Vec::new();
    let mut inside = false;
    for (index, line) in markdown.lines().enumerate() {
        match cells(line) {
            Some(cells) if cells == HEAD => {
                inside = true;
                tables.push(Vec::new());
            }
            Some(cells) if inside && !line.starts_with("|---") => {
                let line = index + 1;
                tables.last_mut().into_iter().for_each(|table| {
                    table.push(Row {
                        line,
                        cells: cells.clone(),
                    });
                });
            }
            Some(_) => {}
            None => inside = false,
        }
    }
    tables
}

#[cfg(test)]
mod tests {
    use super::*;

    const ROW: &str =
        "| Use it | It breaks [claim: a.b.c]. | [A page](ch01-page.md): `cargo run -p ch01-page` |";

    fn page(odd: &str) -> String {
        let mut page = String::new();
        for (table, rows) in ROWS.into_iter().enumerate() {
            page += "| Practice | Without it | See |\n|---|---|---|\n";
            for row in 0..rows {
                page += if (table, row) == (0, 0) { odd } else { ROW };
                page += "\n";
            }
            page += "\n";
        }
        page + "| Page | Place |\n|---|---|\n| another | table |\n"
    }

    fn told(odd: &str) -> Vec<String> {
        let recorded = BTreeSet::from(["cargo run -p ch01-page".to_owned()]);
        have_reasons("p.md", &page(odd), &["ch01-page".to_owned()], &recorded)
    }

    #[test]
    fn practices_with_reasons_pass() {
        assert_eq!(told(ROW), [""; 0]);
    }

    #[test]
    fn a_practice_without_a_reason_is_told() {
        let no_claim = ROW.replace(" [claim: a.b.c]", "");
        assert!(told(&no_claim)[0].starts_with("p.md:3: what happens without the practice"));
        let no_page = ROW.replace("[A page](ch01-page.md)", "A page");
        assert!(told(&no_page)[0].contains("has no page"));
        let wrong_page = ROW.replace("ch01-page.md", "ch09.md");
        assert!(told(&wrong_page)[0].contains("no page ch09"));
        let not_run = ROW.replace("-p ch01-page", "-p ch01-page -- --typed");
        assert!(told(&not_run)[0].contains("no transcript shows"));
        let two_cells = "| Use it | It breaks [claim: a.b.c]. |";
        assert!(told(two_cells)[0].contains("write all three"));
    }

    #[test]
    fn a_cell_that_nothing_shows_is_told() {
        let page = "\
| Aspect | NATS | Kafka |
|---|---|---|
| kept | nothing [claim: a.b.c] | [always](ch04.md) |
| to run | one program | Java |

| Other | table |
|---|---|
| without | links |
";
        let problems = aspects_lead_on("p.md", page);
        assert_eq!(problems.len(), 2, "{problems:?}");
        assert!(problems[0].starts_with("p.md:4: nothing shows `one program`"));
        assert!(aspects_lead_on("p.md", "no table")[0].contains("no table with the head"));
    }

    #[test]
    fn a_practice_that_is_missing_is_told() {
        let problems = told("");
        assert_eq!(problems.len(), 1);
        assert!(
            problems[0].contains("hold [0, 7, 8, 8] rows"),
            "{problems:?}"
        );
    }
}
