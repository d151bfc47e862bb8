//! mdBook's page template, of which the book has a changed copy.

/// The beginnings and the ends of the parts of mdBook's that the book has otherwise: one that loads
/// search, and one that loads its own script.
const PARTS: [[&str; 2]; 2] = [
    ["        {{#if search_js}}\n", "        {{/if}}\n"],
    ["        {{!-- Custom JS scripts --}}\n", "\n\n"],
];

/// The book's template is mdBook's own but for those parts, and for comments, which no page has: a new
/// mdBook may have changed the rest.
pub fn is_mdbooks(own: &str, theirs: &str) -> Vec<String> {
    let theirs = &unsent(theirs);
    let outside = |text: &str| {
        let mut outside = text.to_owned();
        for [begin, end] in PARTS {
            // Another one, in the head of the page, stays.
            let (before, rest) = outside.rsplit_once(begin)?;
            let (_, after) = rest.split_once(end)?;
            outside = format!("{before}{begin}{after}");
        }
        Some(outside)
    };
    if outside(own).is_some() && outside(own) == outside(theirs) {
        return Vec::new();
    }
    vec![
        "book/theme/index.hbs is not the template of this mdBook with another way to load search and \
         the book's own script; make that with `mdbook init --theme` in another folder, copy it, write \
         its comments as `{{!-- --}}`, which no page gets, and put the parts `{{#if search_js}}` with the \
         scripts and `Custom JS scripts` in again"
            .to_owned(),
    ]
}

/// The same template with comments that stay in it: none of HTML's on lines of their own.
fn unsent(template: &str) -> String {
    let lines = template.split('\n').map(|line| {
        let text = line.trim_start();
        let comment = text.strip_prefix("<!-- ");
        match comment.and_then(|text| text.strip_suffix(" -->")) {
            Some(comment) => {
                let indent = &line[..line.len() - text.len()];
                format!("{indent}{{{{!-- {comment} --}}}}")
            }
            None => line.to_owned(),
        }
    });
    lines.collect::<Vec<_>>().join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_way_to_load_scripts_may_differ() {
        let page = |search, rest| {
            format!(
                "<a>\n        {{{{#if search_js}}}}\n        {search}\n        {{{{/if}}}}\n\
                 \n        {{{{!-- Custom JS scripts --}}}}\n        {search}\n\n{rest}"
            )
        };
        let theirs = page("<script src>", "<b>");
        let theirs = theirs.replace("{{!-- ", "<!-- ").replace(" --}}", " -->");
        assert_eq!(is_mdbooks(&page("<script>", "<b>"), &theirs), [""; 0]);
        assert_eq!(is_mdbooks(&page("<script>", "<c>"), &theirs).len(), 1);
        assert_eq!(is_mdbooks("", &theirs).len(), 1);
    }
}
