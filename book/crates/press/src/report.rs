//! What is wrong with the pages, all of it at once.

use std::fmt;

use anyhow::Error;

/// One thing that is wrong in a page. Its `Display` is `book/src/page.md:12: what; fix`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// The page's file, as seen from the book's top folder.
    pub page: String,
    /// The line in that file, from 1.
    pub line: usize,
    /// What is wrong and what to do about it, on one line.
    pub message: String,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}: {}", self.page, self.line, self.message)
    }
}

/// Everything that is wrong in all pages, in the order of the book. It is the error that
/// stops the build.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Report {
    problems: Vec<Problem>,
}

impl Report {
    /// A report of these problems; `None` where there are none.
    pub(crate) fn of(problems: Vec<Problem>) -> Option<Report> {
        (!problems.is_empty()).then_some(Report { problems })
    }

    /// The problems, page by page in the order of the book, by line within a page.
    pub fn problems(&self) -> &[Problem] {
        &self.problems
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for problem in &self.problems {
            writeln!(f, "{problem}")?;
        }
        match self.problems.len() {
            1 => write!(f, "1 problem in the pages, so no book is made"),
            count => write!(f, "{count} problems in the pages, so no book is made"),
        }
    }
}

impl std::error::Error for Report {}

/// An error and its causes on one line. A drawing of the place in a TOML file, which takes
/// several lines, becomes its line number.
pub(crate) fn message(error: &Error) -> String {
    let parts: Vec<String> = error
        .chain()
        .map(|cause| match cause.downcast_ref::<toml::de::Error>() {
            Some(toml) => toml.message().to_owned(),
            None => cause.to_string(),
        })
        .collect();
    parts.join(": ").replace('\n', " ")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn problem(line: usize) -> Problem {
        Problem {
            page: "book/src/index.md".into(),
            line,
            message: "the anchor `x` is missing; add it".into(),
        }
    }

    #[test]
    fn a_report_names_every_place_and_counts() {
        let report = Report::of(vec![problem(3), problem(9)]);
        insta::assert_snapshot!(report.map(|report| report.to_string()).unwrap_or_default(), @r"
        book/src/index.md:3: the anchor `x` is missing; add it
        book/src/index.md:9: the anchor `x` is missing; add it
        2 problems in the pages, so no book is made
        ");
        assert_eq!(Report::of(Vec::new()), None);
    }

    #[test]
    fn a_toml_error_takes_one_line() {
        let error = toml::from_str::<toml::Table>("a = \nb = 1").map_err(Error::from);
        let error = error.map_err(|error| error.context("x.toml is malformed"));
        let text = error.map_or_else(|error| message(&error), |_| String::new());
        assert!(text.starts_with("x.toml is malformed: "), "{text}");
        assert!(!text.contains('\n'), "{text}");
    }
}
