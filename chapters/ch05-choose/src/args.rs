//! The six questions.

use std::io::{BufRead, Write};

use anyhow::{Context, Result, bail};
use clap::{Parser, ValueEnum};

/// Six questions about a workload, and what each broker has for it.
///
/// Without options, and with a terminal, it asks.
#[derive(Debug, Parser)]
#[command(version)]
pub struct Args {
    /// Does the sender wait for an answer?
    #[arg(long, value_enum)]
    pub waits: Option<Answer>,

    /// May a message be lost when a program or a broker dies?
    #[arg(long, value_enum)]
    pub lost: Option<Answer>,

    /// Is a message read again later: by a new reader, or after a mistake?
    #[arg(long, value_enum)]
    pub again: Option<Answer>,

    /// Do several workers share the messages, those of one key in their order?
    #[arg(long, value_enum)]
    pub order: Option<Answer>,

    /// Is a message that fails retried or set aside while the others go on?
    #[arg(long, value_enum)]
    pub retry: Option<Answer>,

    /// Which broker do you run already?
    #[arg(long, value_enum)]
    pub runs: Option<Runs>,
}

/// Yes or no.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Answer {
    No,
    Yes,
}

/// The broker that is there already.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Runs {
    None,
    Nats,
    Rabbitmq,
    Kafka,
}

/// A workload: the six answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Workload {
    pub waits: bool,
    pub lost: bool,
    pub again: bool,
    pub order: bool,
    pub retry: bool,
    /// The lane of the broker that runs already.
    pub runs: Option<&'static str>,
}

impl Args {
    /// The answers: those given as options, else no, and no broker.
    pub fn workload(&self) -> Workload {
        let yes = |answer: Option<Answer>| answer == Some(Answer::Yes);
        Workload {
            waits: yes(self.waits),
            lost: yes(self.lost),
            again: yes(self.again),
            order: yes(self.order),
            retry: yes(self.retry),
            runs: match self.runs {
                None | Some(Runs::None) => None,
                Some(Runs::Nats) => Some("nats"),
                Some(Runs::Rabbitmq) => Some("rabbit"),
                Some(Runs::Kafka) => Some("kafka"),
            },
        }
    }

    /// Whether the reader gave none.
    pub fn is_empty(&self) -> bool {
        let yes_or_no = [self.waits, self.lost, self.again, self.order, self.retry];
        yes_or_no.iter().all(Option::is_none) && self.runs.is_none()
    }

    /// Asks for each answer.
    pub fn ask(&mut self) -> Result<()> {
        self.waits = Some(ask("Does the sender wait for an answer?")?);
        self.lost = Some(ask(
            "May a message be lost when a program or a broker dies?",
        )?);
        self.again = Some(ask("Is a message read again later?")?);
        self.order = Some(ask(
            "Do several workers share the messages, each key in order?",
        )?);
        self.retry = Some(ask(
            "Is a message that fails retried while the others go on?",
        )?);
        self.runs = Some(ask("Which broker do you run already?")?);
        Ok(())
    }
}

/// Asks until the answer is one of the values.
fn ask<T: ValueEnum>(question: &str) -> Result<T> {
    let values = T::value_variants().iter();
    let names: Vec<String> = values
        .filter_map(|value| Some(value.to_possible_value()?.get_name().to_owned()))
        .collect();
    loop {
        eprint!("{question} ({}) ", names.join(" or "));
        std::io::stderr().flush()?;
        let mut line = String::new();
        let read = std::io::stdin().lock().read_line(&mut line);
        if read.context("cannot read your answer")? == 0 {
            bail!("no answer to: {question} Give it as an option; see --help");
        }
        match T::from_str(line.trim(), true) {
            Ok(answer) => return Ok(answer),
            Err(_) => eprintln!("  please say {}", names.join(" or ")),
        }
    }
}
