//! Small tools for making HTML that can stand in Markdown.

/// Escapes text for use as HTML content or inside a quoted attribute.
pub(crate) fn escape(text: &str) -> String {
    let mut html = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '&' => html.push_str("&amp;"),
            '<' => html.push_str("&lt;"),
            '>' => html.push_str("&gt;"),
            '"' => html.push_str("&quot;"),
            other => html.push(other),
        }
    }
    html
}

/// Puts a fragment on one line, with its line breaks as character references.
///
/// A fragment of one line stays whole wherever Markdown allows a block: a blank line in a
/// listing cannot end it, and in a list or a quotation no further line needs a prefix.
pub(crate) fn one_line(html: &str) -> String {
    html.trim_end().replace('\n', "&#10;")
}

/// Escapes a sentence; what stands between backticks becomes code.
pub(crate) fn sentence(text: &str) -> String {
    text.split('`')
        .enumerate()
        .map(|(place, part)| match place % 2 {
            0 => escape(part),
            _ => format!("<code>{}</code>", escape(part)),
        })
        .collect()
}

/// Text that is there for screen readers and for copying, but not seen.
pub(crate) fn hidden(text: &str) -> String {
    format!("<span class=\"visually-hidden\">{}</span>", escape(text))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_html_would_read_is_escaped() {
        assert_eq!(
            escape(r#"Vec<&'a str> & "x""#),
            "Vec&lt;&amp;'a str&gt; &amp; &quot;x&quot;"
        );
    }

    #[test]
    fn a_sentence_may_hold_code() {
        assert_eq!(
            sentence("With `--ack auto`, 1 < 2"),
            "With <code>--ack auto</code>, 1 &lt; 2"
        );
    }

    #[test]
    fn a_fragment_has_no_line_break_left() {
        assert_eq!(one_line("<pre>a\n\nb</pre>\n"), "<pre>a&#10;&#10;b</pre>");
    }
}
