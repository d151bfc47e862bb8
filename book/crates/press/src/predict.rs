//! `{{#predict ID}}`: a question before the page shows the run.

use catalog::Predict;
use history::Strip;

use crate::html::{escape, sentence};
use crate::transcript::drawn;

/// Takes `CHAPTER/ID` or `ID` apart; `own` is the chapter of the page, if it has one.
pub(crate) fn parse<'a>(
    argument: &'a str,
    own: Option<&'a str>,
) -> Result<(&'a str, &'a str), String> {
    let parts = argument.split_once('/').or(own.map(|own| (own, argument)));
    match parts {
        Some((chapter, id)) if !chapter.is_empty() && !id.is_empty() => Ok((chapter, id)),
        Some(_) => Err(format!(
            "`{argument}` names no prediction; write {{{{#predict ID}}}} or {{{{#predict CHAPTER/ID}}}}"
        )),
        None => Err(format!(
            "this page is no chapter's, so `{argument}` names no prediction; \
             write {{{{#predict CHAPTER/{argument}}}}}"
        )),
    }
}

/// What a wrong option says, once it is known to be wrong.
pub(crate) struct Belief<'a> {
    /// The place of the option, from 0.
    pub option: usize,
    /// The misconception in words.
    pub says: &'a str,
    /// Where it is explained: a link, or nothing on that page itself.
    pub link: Option<(String, String)>,
    /// The mark of the claim that shows otherwise.
    pub mark: String,
}

/// The question, its options, and the answer behind a click: the right option, what each
/// wrong one believes, and the run that decides. The page's script finds its way by the names of
/// the data.
pub(crate) fn render(
    predict: &Predict,
    (command, strip): (&str, Option<&Strip>),
    beliefs: &[Belief],
    id: &str,
) -> String {
    let options: String = predict
        .options
        .iter()
        .map(|option| format!("<li>{}</li>\n", sentence(&option.text)))
        .collect();
    let right = predict.right();
    let text = predict.options.get(right).map_or("", |option| &option.text);
    let reasons = predict.options.iter().enumerate();
    let reasons = reasons.filter_map(|(place, option)| {
        let because = sentence(&closed(option.because.as_ref()?));
        Some(format!(
            "<li data-option=\"{place}\"><strong>{}</strong> is wrong: {because}</li>\n",
            letter(place)
        ))
    });
    let beliefs: String = beliefs.iter().map(belief).chain(reasons).collect();
    let beliefs = match beliefs.as_str() {
        "" => String::new(),
        items => format!("<ul>\n{items}</ul>\n"),
    };
    format!(
        "<section class=\"predict\" id=\"{id}\" role=\"group\" aria-label=\"Prediction\" \
         data-prediction=\"{chapter}/{name}\" data-run=\"transcript-{chapter}-{run}\">\n\
         <p><strong>Predict.</strong> {ask}</p>\n\
         <ol type=\"A\">\n{options}</ol>\n\
         <details><summary>Answer</summary>\n\
         <p data-right=\"{right}\"><strong>{letter}.</strong> {text}</p>\n\
         {beliefs}<p>Counted in the run of <code>{command}</code>: <span class=\"fact\">{fact} \
         {answer}</span>.</p>\n\
         {strip}</details>\n\
         </section>",
        chapter = escape(&predict.chapter),
        name = escape(&predict.id),
        run = escape(&predict.run),
        fact = escape(&predict.fact.to_string()),
        answer = predict.answer,
        ask = sentence(&predict.ask),
        letter = letter(right),
        text = sentence(&closed(text)),
        command = escape(command),
        strip = strip.map(drawn).unwrap_or_default(),
    )
}

fn belief(belief: &Belief) -> String {
    let link = match &belief.link {
        Some((address, title)) => {
            format!(" See <a href=\"{address}\">{}</a>.", sentence(title))
        }
        None => String::new(),
    };
    format!(
        "<li data-option=\"{}\"><strong>{}</strong> says: {} A test shows otherwise.{}{link}</li>\n",
        belief.option,
        letter(belief.option),
        sentence(&closed(belief.says)),
        belief.mark,
    )
}

/// A, B, C for the options 0, 1, 2.
fn letter(option: usize) -> char {
    ('A'..='Z').nth(option).unwrap_or('?')
}

/// The text as a sentence of its own.
fn closed(text: &str) -> String {
    let text = text.trim();
    match text.ends_with(['.', '!', '?']) {
        true => text.to_owned(),
        false => format!("{text}."),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_prediction_is_of_its_page_or_names_its_chapter() {
        assert_eq!(
            parse("auto", Some("ch03-rabbit-queue")),
            Ok(("ch03-rabbit-queue", "auto"))
        );
        assert_eq!(
            parse("ch03-rabbit-queue/auto", None),
            Ok(("ch03-rabbit-queue", "auto"))
        );
        assert!(
            parse("auto", None).is_err_and(|error| error.contains("{{#predict CHAPTER/auto}}"))
        );
        assert!(parse("", Some("ch03-rabbit-queue")).is_err());
        assert!(parse("ch03-rabbit-queue/", None).is_err());
    }

    #[test]
    fn texts_become_sentences_and_options_letters() {
        assert_eq!(closed("five orders "), "five orders.");
        assert_eq!(closed("none!"), "none!");
        assert_eq!((letter(0), letter(3)), ('A', 'D'));
    }
}
