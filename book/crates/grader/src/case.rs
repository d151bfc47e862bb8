//! One run of a program under one story.

use std::ops::RangeInclusive;
use std::path::{Path, PathBuf};
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use brokers::{Broker, Guard, Kind, Options, Scratch, Source, leftovers};
use history::{Event, Expect, History};
use tokio::sync::{OnceCell, watch};
use wire::Proxy;

use crate::fault::Known;
use crate::program::locked;
use crate::seen::Run;
use crate::settings::{Faults, Settings};
use crate::verdict::sum;
use crate::{Builder, Fault, Finding, Report, Verdict, account};

/// The longest sentence about what went wrong, in letters.
const LONGEST: usize = 600;

/// How long it may take to leave a broker as it was.
const CLEANING: Duration = Duration::from_secs(20);

/// What a story needs: brokers, the program, the record, and where it says what is wrong. A clone
/// is the same case.
#[derive(Clone)]
pub struct Case(Arc<Inner>);

struct Inner {
    settings: Settings,
    begun: Instant,
    mark: String,
    folder: Scratch,
    /// Ends what the programs have started, also what has left their process groups, should this
    /// program be killed. One for the whole case: at its end it kills all that is marked.
    guard: OnceCell<Guard>,
    state: Mutex<State>,
    trouble: watch::Sender<bool>,
}

/// Something that leaves a broker as it was.
type Cleaning = Pin<Box<dyn Future<Output = Result<()>> + Send>>;

#[derive(Default)]
pub(crate) struct State {
    random: Option<fastrand::Rng>,
    brokers: Vec<Arc<Broker>>,
    /// Each with the time at which it began.
    wires: Vec<(Duration, Arc<Proxy>)>,
    used: Vec<String>,
    /// Whether a broker has its data on this machine's disk.
    is_native: bool,
    /// What the names on a broker that is not this run's alone begin with.
    pub(crate) prefixes: Vec<String>,
    cleaning: Vec<Cleaning>,
    moments: Vec<Moment>,
    /// What the proxies saw of all messages.
    pub(crate) log: Vec<Moment>,
    events: Vec<Event>,
    left: Vec<u32>,
    pub(crate) runs: Vec<Run>,
    said: Vec<String>,
    pub(crate) findings: Vec<Finding>,
    /// The frames about the message that the verdict is about, in words.
    pub(crate) trail: Vec<String>,
    pub(crate) faults: Vec<Known>,
}

/// Something that happened, for the report.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct Moment {
    /// Milliseconds since the run began.
    pub ms: u64,
    /// Who it happened to.
    pub lane: String,
    /// What happened.
    pub text: String,
}

impl Moment {
    /// What happened so long after the run began.
    pub(crate) fn new(at: Duration, lane: impl Into<String>, text: impl Into<String>) -> Moment {
        Moment {
            ms: u64::try_from(at.as_millis()).unwrap_or(u64::MAX),
            lane: lane.into(),
            text: text.into(),
        }
    }
}

impl Case {
    pub(crate) fn new(settings: Settings) -> Result<Case> {
        let folder = Scratch::new().context("cannot make a folder for the program")?;
        let random = (settings.seed > 0).then(|| fastrand::Rng::with_seed(settings.seed));
        let state = State {
            random,
            ..State::default()
        };
        Ok(Case(Arc::new(Inner {
            mark: format!("{}-{:x}", std::process::id(), fastrand::u64(..)),
            settings,
            begun: Instant::now(),
            folder,
            guard: OnceCell::new(),
            state: Mutex::new(state),
            trouble: watch::Sender::new(false),
        })))
    }

    /// A broker for this run: the warm one, if there is one, else one that is started. Make what
    /// you need on it under [`Broker::name`], and hand its removal to [`Case::finally`].
    ///
    /// # Errors
    /// When there is none.
    pub async fn broker(&self, kind: Kind) -> Result<Arc<Broker>> {
        let broker = Arc::new(self.found(kind, Options::default()).await?);
        // What is handed to `finally` needs it to the end.
        self.with(|state| state.brokers.push(broker.clone()));
        Ok(broker)
    }

    /// A broker that runs for this run alone, and that a fault may kill.
    ///
    /// # Errors
    /// When there is none.
    pub async fn private(&self, kind: Kind) -> Result<Broker> {
        let options = Options {
            private: true,
            ..Options::default()
        };
        self.found(kind, options).await
    }

    async fn found(&self, kind: Kind, options: Options) -> Result<Broker> {
        let broker = brokers::start(kind, options).await?;
        let used = format!("{kind} {}, {}", broker.version(), broker.source());
        let prefix = broker.name("");
        self.with(|state| {
            state.used.push(used);
            state.is_native |= broker.source() == Source::Native;
            state.prefixes.push(prefix);
        });
        Ok(broker)
    }

    /// A proxy before this broker: the program is given its address, and faults are struck in it. Its
    /// strikes are in the report.
    ///
    /// # Errors
    /// When the broker cannot be reached.
    pub async fn wire(&self, broker: &Broker) -> Result<Arc<Proxy>> {
        let wire = match broker.kind() {
            Kind::Nats => Proxy::nats(broker.url()).await,
            Kind::RabbitMq => Proxy::amqp(broker.url()).await,
            Kind::Kafka => Proxy::kafka(broker.url()).await,
        };
        let wire = Arc::new(wire.context("no proxy before the broker")?);
        let since = wire.begun().duration_since(self.0.begun);
        self.with(|state| state.wires.push((since, wire.clone())));
        Ok(wire)
    }

    /// What leaves a broker as it was. It runs whatever happens to the story.
    pub fn finally(&self, cleaning: impl Future<Output = Result<()>> + Send + 'static) {
        self.with(|state| state.cleaning.push(Box::pin(cleaning)));
    }

    /// The learner's program; `lane` is who it is in the shop. One that has variants is told which
    /// to be by its first argument.
    pub fn program(&self, lane: &str) -> Builder {
        let builder = Builder::new(self.clone(), lane);
        match &self.0.settings.variant {
            Some(variant) => builder.arg(variant),
            None => builder,
        }
    }

    /// Which of its variants the program is, where it has some.
    pub fn variant(&self) -> Option<&str> {
        self.0.settings.variant.as_deref()
    }

    /// A path in the program's own folder, for a database that it is given.
    pub fn file(&self, name: &str) -> PathBuf {
        self.0.folder.path().join(name)
    }

    /// A number that the seed varies: `aimed` in the story as it is told, another one of `range`
    /// with a seed.
    pub fn vary(&self, aimed: u32, range: RangeInclusive<u32>) -> u32 {
        self.with(|state| match &mut state.random {
            Some(random) => random.u32(range),
            None => aimed,
        })
    }

    /// A fault that the story strikes where [`Fault::on`] says so; in words that a report shows.
    pub fn fault(&self, what: &str) -> Fault {
        let faults = self.0.settings.faults;
        let place = (faults != Faults::Off).then(|| {
            self.with(|state| {
                state.faults.push(Known {
                    what: what.to_owned(),
                    outside: false,
                    inside: false,
                    placeless: false,
                });
                state.faults.len() - 1
            })
        });
        let on = match faults {
            Faults::On => true,
            Faults::Off => false,
            Faults::Skip(skipped) => place.is_none_or(|place| place + 1 != skipped),
        };
        Fault {
            case: self.clone(),
            place,
            on,
        }
    }

    /// A line for the report's account of what happened, now.
    pub fn saw(&self, lane: &str, text: &str) {
        self.saw_at(self.0.begun.elapsed(), lane, text);
    }

    /// The same, for what happened so long after the run began.
    pub fn saw_at(&self, at: Duration, lane: &str, text: &str) {
        let moment = Moment::new(at, lane, text);
        self.with(|state| state.moments.push(moment));
    }

    /// From now on what is marked ends with this program, however that ends.
    pub(crate) async fn guard(&self) -> Result<()> {
        let guarded = async || {
            let mut guard = Guard::new()?;
            guard.mark(&self.0.mark).await?;
            Ok(guard)
        };
        self.0.guard.get_or_try_init(guarded).await.map(|_| ())
    }

    /// A program starts. Gives its place in the list of those that have.
    pub(crate) fn runs(&self, lane: &str) -> usize {
        let from = self.elapsed();
        self.with(|state| {
            let before = state.runs.iter().filter(|run| run.lane == lane).count();
            state.runs.push(Run {
                lane: lane.to_owned(),
                name: match before {
                    0 => lane.to_owned(),
                    before => format!("{lane} {}", before + 1),
                },
                from,
                to: None,
            });
            state.runs.len() - 1
        })
    }

    /// It has ended.
    pub(crate) fn ran(&self, place: usize) {
        let to = Some(self.elapsed());
        self.with(|state| state.runs[place].to = to);
    }

    /// What the programs behind a proxy have done so far, for [`Case::check`]: what they got, settled
    /// and published, and the connections that they had. The work on a message is what is published
    /// about it. What `expect` allows is the story's to say. What a Kafka client drops of what
    /// it fetches the wire does not tell, and so `nonmonotonic-poll`, `skipped-poll` and `aborted-read`
    /// mean nothing there.
    pub fn history(&self, wire: &Proxy, expect: Expect) -> History {
        let (since, runs) = self.with(|state| {
            let mut wires = state.wires.iter();
            let own = wires.find(|(_, it)| std::ptr::eq(&raw const **it, wire));
            let since = own.map_or(Duration::ZERO, |(since, _)| *since);
            (since, state.runs.clone())
        });
        account::history(expect, since, wire, &runs)
    }

    /// How long the run has taken so far.
    pub fn elapsed(&self) -> Duration {
        self.0.begun.elapsed()
    }

    /// What happened to a message, for the fate strip.
    pub fn event(&self, event: Event) {
        self.with(|state| state.events.push(event));
    }

    /// A message that is still on the broker, for the fate strip.
    pub fn left(&self, message: u32) {
        self.with(|state| state.left.push(message));
    }

    /// Refuses the program: `name` is the verdict, and `why` says in one sentence which message,
    /// when, and what the program did.
    pub fn refuse(&self, name: &str, why: impl Into<String>) {
        self.find(Verdict::Wrong(name.to_owned()), why.into());
    }

    /// The program has done nothing of its task: no attempt, and no refusal. Where it has ended
    /// with an error it is one.
    pub fn not_attempted(&self, why: impl Into<String>) {
        let exited = |finding: &Finding| finding.verdict == Verdict::Exited;
        if !self.with(|state| state.findings.iter().any(exited)) {
            self.find(Verdict::NotAttempted, why.into());
        }
    }

    /// What the program has published may stand in the sentence, so it is cut, and nothing in it
    /// moves a terminal's cursor.
    pub(crate) fn find(&self, verdict: Verdict, why: String) {
        let shown = |letter: char| if letter.is_control() { ' ' } else { letter };
        let why = why.chars().take(LONGEST).map(shown).collect();
        let finding = Finding { verdict, why };
        self.with(|state| state.findings.push(finding));
    }

    /// Whether the program has connected to its broker at all.
    pub(crate) fn connected(&self) -> bool {
        self.with(|state| {
            let mut wires = state.wires.iter();
            state.wires.is_empty() || wires.any(|(_, wire)| wire.connected() > 0)
        })
    }

    pub(crate) fn said(&self, lines: Vec<String>) {
        self.with(|state| state.said.extend(lines));
    }

    /// The story cannot go on.
    pub(crate) fn end_now(&self) {
        self.0.trouble.send_replace(true);
    }

    /// Returns once the story cannot go on.
    pub(crate) async fn trouble(&self) {
        let mut trouble = self.0.trouble.subscribe();
        // The sender lives as long as this value.
        let _ = trouble.wait_for(|trouble| *trouble).await;
    }

    pub(crate) fn path(&self) -> &Path {
        &self.0.settings.program
    }

    pub(crate) fn mark(&self) -> String {
        self.0.mark.clone()
    }

    pub(crate) fn folder(&self) -> &Path {
        self.0.folder.path()
    }

    pub(crate) fn with<T>(&self, change: impl FnOnce(&mut State) -> T) -> T {
        change(&mut locked(&self.0.state))
    }

    /// Ends what the run has started, and leaves each broker as it was.
    pub(crate) async fn close(&self) {
        leftovers::end(&self.0.mark, None).await;
        let cleaning = self.with(|state| std::mem::take(&mut state.cleaning));
        for step in cleaning {
            let done = tokio::time::timeout(CLEANING, step).await;
            let done = done.unwrap_or_else(|_| anyhow::bail!("the broker does not answer"));
            if let Err(error) = done {
                eprintln!("note: something is left on the broker: {error:#}");
            }
        }
        let wires = self.with(|state| std::mem::take(&mut state.wires));
        for (since, wire) in &wires {
            for strike in wire.strikes() {
                self.saw_at(*since + strike.at, "wire", &crate::fault::told(&strike));
            }
        }
        account::tell(self, &wires);
        self.with(|state| state.brokers.clear());
    }

    /// The report on a story that has been told, or could not be.
    pub(crate) fn report(&self, told: Result<()>) -> Report {
        let Settings {
            exercise,
            variant,
            seed,
            faults,
            report,
            ..
        } = self.0.settings.clone();
        let ms = u64::try_from(self.0.begun.elapsed().as_millis()).unwrap_or(u64::MAX);
        self.with(|state| {
            let mut findings = state.findings.clone();
            // What a broker could not store says nothing about the program.
            let full = !findings.is_empty() && state.is_native && brokers::is_full();
            if full {
                findings.clear();
            }
            let mut doubt = |why| {
                findings.push(Finding {
                    verdict: Verdict::Inconclusive,
                    why,
                });
            };
            if let Err(error) = told {
                doubt(format!("the program could not be graded: {error:#}"));
            }
            if full {
                doubt("the disk of temporary files is full; free some, or set TMPDIR".to_owned());
            }
            state.faults.iter().filter_map(Known::doubt).for_each(doubt);
            let (verdict, why) = sum(&findings);
            state.moments.sort_by_key(|moment| moment.ms);
            Report {
                exercise,
                variant,
                verdict,
                why,
                seed,
                faultless: faults == Faults::Off,
                faults: state
                    .faults
                    .iter()
                    .map(|known| known.what.clone())
                    .collect(),
                placeless: (1..)
                    .zip(&state.faults)
                    .filter_map(|(place, known)| known.placeless.then_some(place))
                    .collect(),
                ms,
                brokers: state.used.clone(),
                moments: state.moments.clone(),
                log: merged(&state.moments, &state.log),
                strip: history::strip(&state.events, &state.left),
                about: crate::verdict::about(&findings),
                trail: state.trail.clone(),
                said: state.said.clone(),
                file: report,
            }
        })
    }
}

/// Both in the order of time. Where that is the same, what was seen on the wire led to the other.
fn merged(moments: &[Moment], log: &[Moment]) -> Vec<Moment> {
    let mut all = [log, moments].concat();
    all.sort_by_key(|moment| moment.ms);
    all
}
