//! The repository's conventions, applied to it. What each check refuses is in
//! `tests/src/tidy/`, with a sample that it refuses.
#![allow(clippy::unwrap_used)]

use std::process::Command;

use book_tests::files::{self, File};
use book_tests::programs::programs;
use book_tests::tidy::{
    layout, machine, manifest, names, pages, practices, readme, rhythm, source, template,
};
use book_tests::{book, none, root};
use companion::options::{Knob, options};

/// Applies a check to all files that are of its kind.
fn each(is: impl Fn(&File) -> bool, check: impl Fn(&File) -> Vec<String>) {
    let files = files::all(root()).unwrap();
    let checked: Vec<&File> = files.iter().filter(|file| is(file)).collect();
    assert!(!checked.is_empty(), "the check has no file to look at");
    none(&checked.into_iter().flat_map(check).collect::<Vec<_>>());
}

fn is_rust(file: &File) -> bool {
    file.is(".rs")
}

/// Rust that readers see and run.
fn is_listing(file: &File) -> bool {
    is_rust(file) && (file.below("chapters") || file.below("solutions"))
}

fn is_chapters(file: &File, name: &str) -> bool {
    file.below("chapters") && file.is(name)
}

#[test]
fn the_top_folder_holds_what_it_must() {
    none(&layout::top(&files::top(root()).unwrap()));
}

#[test]
fn folder_package_and_page_have_one_name() {
    let book = book().unwrap();
    let chapters: Vec<String> = book
        .chapters()
        .iter()
        .map(|chapter| chapter.id.clone())
        .collect();
    let pages: Vec<String> = book
        .pages()
        .unwrap()
        .into_iter()
        .map(|page| page.slug)
        .collect();
    none(&layout::folder_is_page(&chapters, &pages));
}

#[test]
fn every_page_is_in_the_summary() {
    let book = book().unwrap();
    let written: Vec<String> = files::all(&book.pages_dir())
        .unwrap()
        .into_iter()
        .filter(|file| file.is(".md"))
        .map(|file| file.path)
        .collect();
    let listed: Vec<String> = book
        .pages()
        .unwrap()
        .into_iter()
        .map(|page| page.slug + ".md")
        .collect();
    none(&layout::pages_are_listed(&written, &listed));
}

#[test]
fn a_chapters_main_is_short() {
    each(
        |file| is_chapters(file, "/src/main.rs"),
        source::main_is_short,
    );
}

#[test]
fn files_are_short() {
    let kinds = [".rs", ".sh", ".css", ".js", ".md", ".toml", ".txt"];
    each(
        |file| kinds.iter().any(|kind| file.is(kind)),
        source::is_short,
    );
}

#[test]
fn sleeps_say_why() {
    each(is_rust, source::sleeps_say_why);
}

#[test]
fn listings_do_not_unwrap() {
    each(is_listing, source::nothing_is_unwrapped);
}

#[test]
fn no_test_is_ignored() {
    each(is_rust, source::no_test_is_ignored);
}

#[test]
fn anchors_are_shown_exist_and_are_short() {
    none(&pages::anchors_are_shown(&book().unwrap()).unwrap());
}

#[test]
fn pages_can_be_read_in_order() {
    let book = book().unwrap();
    let slugs: Vec<String> = book
        .pages()
        .unwrap()
        .into_iter()
        .map(|page| page.slug)
        .collect();
    none(&pages::order(&slugs, &pages::heads(&book).unwrap()));
}

#[test]
fn output_on_pages_is_recorded() {
    let is_page = |file: &File| file.below("book/src") && file.is(".md");
    each(is_page, |file| {
        pages::no_output_is_typed(&file.path, &file.text)
    });
}

#[test]
fn comments_cut_no_paragraph() {
    let is_page = |file: &File| file.below("book/src") && file.is(".md");
    each(is_page, |file| {
        pages::no_comment_cuts_a_paragraph(&file.path, &file.text)
    });
}

#[test]
fn commands_on_pages_can_be_typed() {
    let book = book().unwrap();
    let is_page = |file: &File| file.below("book/src") && file.is(".md");
    each(is_page, |file| {
        pages::commands_exist(&file.path, &file.text, &book)
    });
}

#[test]
fn nothing_names_this_machine() {
    each(|_| true, machine::no_path);
}

#[test]
fn nothing_names_a_registry() {
    each(|file| file.path != "Cargo.lock", machine::no_host);
}

#[test]
fn members_inherit_from_the_workspace() {
    each(|file| file.is("/Cargo.toml"), manifest::inherits);
}

#[test]
fn chapters_say_what_they_are() {
    each(
        |file| is_chapters(file, "/Cargo.toml"),
        manifest::is_chapter,
    );
}

#[test]
fn the_first_chapters_build_without_kafkas_client() {
    each(
        |file| is_chapters(file, "/Cargo.toml"),
        manifest::builds_no_kafka_client,
    );
}

/// The options of a chapter's program, as it tells them.
fn told_options(chapter: &str) -> Vec<Knob> {
    let program = programs().path(chapter).unwrap();
    let help = Command::new(program).arg("-h").output().unwrap();
    options(&String::from_utf8(help.stdout).unwrap())
}

#[test]
fn knobs_are_the_options() {
    let mut problems = Vec::new();
    for chapter in book().unwrap().chapters() {
        problems.extend(manifest::knobs_are_options(
            &chapter.id,
            &chapter.knobs,
            &told_options(&chapter.id),
        ));
    }
    none(&problems);
}

#[test]
fn knobs_that_a_page_names_are_recorded() {
    let book = book().unwrap();
    let mut problems = Vec::new();
    for chapter in book.chapters() {
        let names = chapter.transcripts().unwrap().into_iter();
        let commands: Vec<String> = names
            .map(|name| book.transcript(&chapter.id, &name).unwrap().command)
            .collect();
        let page = book.pages_dir().join(format!("{}.md", chapter.id));
        problems.extend(manifest::named_knobs_are_recorded(
            &book.shown(&page),
            &std::fs::read_to_string(&page).unwrap(),
            &told_options(&chapter.id),
            &commands,
        ));
    }
    none(&problems);
}

#[test]
fn dependencies_on_pages_are_the_workspaces() {
    let workspace = std::fs::read_to_string(root().join("Cargo.toml")).unwrap();
    let workspace: toml::Table = workspace.parse().unwrap();
    let is_page = |file: &File| file.below("book/src") && file.is(".md");
    each(is_page, |file| {
        manifest::dependencies_are_the_workspaces(&file.path, &file.text, &workspace)
    });
    // There is a page that tells them.
    let page = std::fs::read_to_string(root().join("book/src/get-a-broker.md")).unwrap();
    for client in ["async-nats", "lapin", "rdkafka"] {
        assert!(page.contains(&format!("\n{client} = ")), "{client}");
    }
}

#[test]
fn listings_are_set_in_the_shop() {
    each(is_listing, names::texts);
    let book = book().unwrap();
    let chapters = book.chapters().iter();
    none(
        &chapters
            .flat_map(|chapter| names::lanes(&chapter.id, &chapter.lanes))
            .collect::<Vec<_>>(),
    );
}

#[test]
fn chapters_pages_follow_the_rhythm() {
    let book = book().unwrap();
    let mut problems = Vec::new();
    for page in book.pages().unwrap() {
        if book.chapter(&page.slug).is_ok() {
            let text = std::fs::read_to_string(&page.path).unwrap();
            problems.extend(rhythm::follows(&book.shown(&page.path), &text));
        }
    }
    none(&problems);
}

#[test]
fn chapters_begin_with_questions_of_earlier_ones() {
    let book = book().unwrap();
    let mut problems = Vec::new();
    for slug in ["ch02", "ch03", "ch04", "ch05-choose", "ch06"] {
        let pages = book.pages().unwrap();
        let page = pages.iter().find(|page| page.slug == slug).unwrap();
        let (path, text) = (
            book.shown(&page.path),
            std::fs::read_to_string(&page.path).unwrap(),
        );
        problems.extend(rhythm::asks_about_earlier_chapters(&path, slug, &text));
    }
    none(&problems);
}

#[test]
fn the_template_is_mdbooks_but_for_what_it_loads_late() {
    let own = std::fs::read_to_string(root().join("book/theme/index.hbs")).unwrap();
    // A new book of mdBook's has the templates beside it.
    let new = tempfile::tempdir().unwrap();
    let mut builder = mdbook_driver::init::BookBuilder::new(new.path());
    builder.copy_theme(true).build().unwrap();
    let theirs = std::fs::read_to_string(new.path().join("theme/index.hbs")).unwrap();
    none(&template::is_mdbooks(&own, &theirs));
}

#[test]
fn every_practice_stands_with_what_happens_without_it() {
    let book = book().unwrap();
    let mut recorded = std::collections::BTreeSet::new();
    for chapter in book.chapters() {
        for name in chapter.transcripts().unwrap() {
            recorded.insert(book.transcript(&chapter.id, &name).unwrap().command);
        }
    }
    let pages = book.pages().unwrap();
    let practices = pages.iter().find(|page| page.slug == "ch06").unwrap();
    let slugs: Vec<String> = pages.iter().map(|page| page.slug.clone()).collect();
    none(&practices::have_reasons(
        &book.shown(&practices.path),
        &std::fs::read_to_string(&practices.path).unwrap(),
        &slugs,
        &recorded,
    ));
}

#[test]
fn what_is_said_of_brokers_side_by_side_leads_to_what_shows_it() {
    let book = book().unwrap();
    let pages = book.pages().unwrap();
    let choose = pages.iter().find(|page| page.slug == "ch05-choose");
    let path = &choose.unwrap().path;
    let text = std::fs::read_to_string(path).unwrap();
    none(&practices::aspects_lead_on(&book.shown(path), &text));
}

#[test]
fn the_readme_names_what_exists() {
    let manifests = files::all(root())
        .unwrap()
        .into_iter()
        .filter(|file| file.is("/Cargo.toml"));
    let members: Vec<String> = manifests
        .filter_map(|file| {
            let manifest: toml::Table = file.text.parse().ok()?;
            Some(manifest.get("package")?.get("name")?.as_str()?.to_owned())
        })
        .collect();
    none(&readme::names_what_exists(
        &book_tests::readme().unwrap(),
        &book().unwrap(),
        &members,
    ));
}

#[test]
fn a_command_names_an_exercise_that_is_there() {
    let book = book().unwrap();
    let texts = files::all(root()).unwrap().into_iter();
    let problems: Vec<String> = texts
        .filter(|file| file.is(".md"))
        .flat_map(|file| readme::exercises_exist(&file.path, &file.text, &book))
        .collect();
    none(&problems);
}
