//! What changes between two runs, for a reader to look at.

use similar::TextDiff;

/// The lines that go and come, with those around them.
pub fn difference(old: &[String], new: &[String]) -> String {
    let text = |lines: &[String]| {
        lines
            .iter()
            .map(|line| format!("{line}\n"))
            .collect::<String>()
    };
    let (old, new) = (text(old), text(new));
    let difference = TextDiff::from_lines(&old, &new);
    difference
        .unified_diff()
        .context_radius(2)
        .to_string()
        .trim_end()
        .to_owned()
}
