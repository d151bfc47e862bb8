//! mdBook's page template, of which the book has a changed copy.

/// The first and the last line of a part of mdBook's that the book has otherwise.
const PART: [&str; 2] = ["        {{#if search_js}}\n", "        {{/if}}\n"];

/// The book's template is mdBook's own but for the part that loads search: a new mdBook may have
/// changed the rest.
pub fn is_mdbooks(own: &str, theirs: &str) -> Vec<String> {
    let outside = |text: &str| {
        // Another one, in the head of the page, stays.
        let (before, rest) = text.rsplit_once(PART[0])?;
        let (_, after) = rest.split_once(PART[1])?;
        Some((before.to_owned(), after.to_owned()))
    };
    if outside(own).is_some() && outside(own) == outside(theirs) {
        return Vec::new();
    }
    vec![
        "book/theme/index.hbs is not the template of this mdBook with another way to load search; \
         make that with `mdbook init --theme` in another folder, copy it, and put the part \
         `{{#if search_js}}` with the scripts in again"
            .to_owned(),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_way_to_load_search_may_differ() {
        let page = |search, rest| {
            format!(
                "<a>\n        {{{{#if search_js}}}}\n        {search}\n        {{{{/if}}}}\n{rest}"
            )
        };
        let theirs = page("<script src>", "<b>");
        assert_eq!(is_mdbooks(&page("<script>", "<b>"), &theirs), [""; 0]);
        assert_eq!(is_mdbooks(&page("<script>", "<c>"), &theirs).len(), 1);
        assert_eq!(is_mdbooks("", &theirs).len(), 1);
    }
}
