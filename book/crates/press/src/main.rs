//! The program that mdBook runs: `press` reads a book and writes it back,
//! `press supports RENDERER` tells whether that is of use.

use std::io::{IsTerminal, stdin, stdout};
use std::process::ExitCode;

use mdbook_preprocessor::Preprocessor;
use press::Press;

const USAGE: &str = "press is run by mdBook, not by hand; build the book with \
                     `cargo book build` or `mdbook build`";

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match arguments.as_slice() {
        [] if !stdin().is_terminal() => match press::press(stdin().lock(), stdout().lock()) {
            Ok(()) => ExitCode::SUCCESS,
            Err(error) => fail(&format!("{error:#}")),
        },
        ["supports", renderer] => match Press.supports_renderer(renderer) {
            Ok(true) => ExitCode::SUCCESS,
            _ => ExitCode::FAILURE,
        },
        _ => fail(USAGE),
    }
}

fn fail(message: &str) -> ExitCode {
    eprintln!("{message}");
    ExitCode::FAILURE
}
