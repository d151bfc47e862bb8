//! The fate strip for the page: a drawing, and a table that says the same.
//!
//! Every line and letter takes the page's text colour, so the drawing reads the same in
//! light, in dark and in print. Shape and letter tell the fates apart; the classes
//! `fate-done`, `fate-lost` and so on let a style sheet add colour, which nothing depends
//! on. There is no style attribute and no id: a content security policy may forbid the
//! one, and several strips on a page would share the other.

use std::fmt::Write;

use crate::strip::ROW;
use crate::{Fate, Strip};

/// Width and height of one mark with its number below, in CSS pixels at full size.
const CELL: (usize, usize) = (64, 70);

impl Strip {
    /// The strip as a page shows it: drawn, counted in words, and as a table that is closed at first.
    /// It has no blank lines, so that it can stand in Markdown.
    pub fn html(&self) -> String {
        format!(
            // The drawing says the counts itself to those who hear it.
            "{}\n<p aria-hidden=\"true\">{}</p>{}",
            self.svg(),
            self.summary(),
            self.table(),
        )
    }

    /// What the drawing shows, a row for each message; nothing where there is none.
    fn table(&self) -> String {
        if self.fates().is_empty() {
            return String::new();
        }
        let row =
            |(message, fate): &(u32, Fate)| format!("<tr><td>o-{message}</td><td>{fate}</td></tr>");
        let rows: String = self.fates().iter().map(row).collect();
        format!(
            "<details><summary>The same as a table</summary>\
             <table><thead><tr><th>message</th><th>fate</th></tr></thead>\
             <tbody>{rows}</tbody></table></details>"
        )
    }

    /// The strip as one `<svg>` element.
    pub(crate) fn svg(&self) -> String {
        let rows = self.fates().len().div_ceil(ROW).max(1);
        let width = CELL.0 * self.fates().len().clamp(2, ROW);
        let height = CELL.1 * rows;
        let mut svg = format!(
            "<svg class=\"fate-strip\" role=\"img\" xmlns=\"http://www.w3.org/2000/svg\" \
             viewBox=\"0 0 {width} {height}\" width=\"{width}\" height=\"{height}\" \
             fill=\"none\" stroke=\"currentColor\" stroke-width=\"2\">\n\
             <title>Fate strip: {}</title>\n<desc>{}</desc>\n",
            self.summary(),
            self.description(),
        );
        for (place, (message, fate)) in self.fates().iter().enumerate() {
            let x = place % ROW * CELL.0 + CELL.0 / 2;
            let y = place / ROW * CELL.1 + 24;
            // Writing to a String cannot fail.
            let _ = writeln!(
                svg,
                "<g class=\"fate fate-{fate}\" transform=\"translate({x} {y})\">{}\
                 <text class=\"fate-letter\" y=\"6\" text-anchor=\"middle\" font-size=\"17\" \
                 font-weight=\"bold\" fill=\"currentColor\" stroke=\"none\">{}</text>\
                 <text class=\"fate-number\" y=\"38\" text-anchor=\"middle\" font-size=\"14\" \
                 fill=\"currentColor\" stroke=\"none\">o-{message}</text></g>",
                shape(*fate),
                fate.letter(),
            );
        }
        if self.fates().is_empty() {
            svg.push_str("<text class=\"fate-number\" y=\"24\" font-size=\"14\" fill=\"currentColor\" stroke=\"none\">no messages</text>\n");
        }
        svg.push_str("</svg>");
        svg
    }

    /// The strip in words, for those who do not see it.
    fn description(&self) -> String {
        let fates: Vec<String> = self
            .fates()
            .iter()
            .map(|(message, fate)| format!("o-{message} {fate}"))
            .collect();
        if fates.is_empty() {
            return self.summary();
        }
        fates.join(", ")
    }
}

/// The outline around the letter, centred on 0 0: a circle for done, a circle with an
/// arrow head for redelivered, two circles for duplicate, a crossed dashed circle for
/// lost, a square for stuck.
fn shape(fate: Fate) -> &'static str {
    match fate {
        Fate::Done => r#"<circle r="18"/>"#,
        Fate::Redelivered => r#"<path d="M 16 -8 A 18 18 0 1 0 18 2 M 17 -17 V -7 H 7"/>"#,
        Fate::Duplicate => r#"<circle cx="-5" r="18"/><circle cx="5" r="18"/>"#,
        Fate::Lost => {
            r#"<circle r="18" stroke-dasharray="5 4"/><path d="M -20 20 L -9 9 M 9 -9 L 20 -20"/>"#
        }
        Fate::Stuck => r#"<rect x="-17" y="-17" width="34" height="34"/>"#,
    }
}
