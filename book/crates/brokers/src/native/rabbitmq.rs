//! RabbitMQ from Debian packages, unpacked into a folder and run on the packages' own libraries.

use std::path::{Path, PathBuf};

use super::Server;
use super::install::{Found, Routes};
use super::server::Plan;
use crate::cache::Shelf;
use crate::clients::apt::{self, Apt, Archive};
use crate::clients::{Tools, on_path as program_on_path};
use crate::guard::Guard;
use crate::process::Program;
use crate::progress::{Step, note};
use crate::release::Release;
use crate::source::Options;
use crate::{Error, Kind, ports, warm};

/// The packages that hold RabbitMQ, Erlang and the libraries that Erlang loads. The rest of what
/// apt brings (a service manager, user management) is not needed to run one node.
const UNPACKED: [&str; 15] = [
    "erlang-",
    "rabbitmq-server",
    "patchelf",
    "libc6",
    "libssl3",
    "libstdc++",
    "libgcc-s1",
    "libtinfo6",
    "libncurses",
    "zlib1g",
    "libsystemd0",
    "libsctp",
    "libcap",
    "libzstd",
    "libmimalloc3",
];

/// What a node says when it serves.
pub(crate) const READY: &str = "Time to start RabbitMQ";

/// A server on PATH: of a tarball, of Homebrew, or of the host's packages.
pub(crate) fn on_path() -> Option<Found> {
    program_on_path("epmd")?;
    let program = program_on_path("rabbitmq-server")?;
    // Debian's program on PATH is a wrapper that switches users; the real one lies here.
    let packaged = std::fs::read_dir("/usr/lib/rabbitmq/lib")
        .into_iter()
        .flatten()
        .flatten();
    let packaged = packaged.map(|entry| entry.path().join("sbin/rabbitmq-server"));
    let program = packaged
        .filter(|file| file.exists())
        .last()
        .or_else(|| std::fs::canonicalize(program).ok())?;
    let version = program
        .ancestors()
        .filter_map(|folder| folder.file_name()?.to_str())
        .find_map(version)?;
    Some(Found {
        version,
        place: program,
        on_path: true,
    })
}

/// `4.1.0` out of `rabbitmq_server-4.1.0` or `4.1.0`.
fn version(folder: &str) -> Option<String> {
    let version = folder.strip_prefix("rabbitmq_server-").unwrap_or(folder);
    let numbers = version
        .split('.')
        .filter(|part| part.parse::<u32>().is_ok())
        .count();
    (numbers >= 3).then(|| version.to_owned())
}

/// Fetches and unpacks RabbitMQ.
pub(crate) async fn provision(shelf: &Shelf) -> Result<Found, Error> {
    let mut routes = Routes::new(Kind::RabbitMq, shelf);
    match Apt::find("native, from Debian packages") {
        Err(tried) => routes.impassable(tried),
        Ok(apt) => {
            for suite in Release::wanted()?.rabbitmq_suites() {
                let what = format!("native, from the packages of Debian {suite}");
                let result = from_suite(shelf, &apt, suite).await;
                if let Some(found) =
                    routes.take(&what, "check the network and run it again", result)?
                {
                    return Ok(found);
                }
            }
        }
    }
    Err(routes.none())
}

async fn from_suite(shelf: &Shelf, apt: &Apt, suite: &str) -> Result<Found, Error> {
    let step = Step::begin(format!(
        "installing RabbitMQ from Debian {suite} into the cache"
    ));
    let mut tools = Tools::new(&shelf.incoming, &shelf.lock)?;
    let result = unpack(shelf, apt, suite, &mut tools, &step).await;
    tools.close().await?;
    step.end();
    let found = result?;
    note(&format!(
        "installed RabbitMQ {} in {}",
        found.version,
        found.place.display()
    ));
    Ok(found)
}

async fn unpack(
    shelf: &Shelf,
    apt: &Apt,
    suite: &str,
    tools: &mut Tools,
    step: &Step,
) -> Result<Found, Error> {
    let packages = ["rabbitmq-server", "patchelf"];
    let downloads = shelf.incoming.join("apt");
    let files = apt
        .download(tools, &downloads, Archive::Suite(suite), &packages, step)
        .await?;
    let version = files
        .iter()
        .find(|file| apt::package_name(file) == "rabbitmq-server")
        .and_then(|file| apt::upstream_version(file))
        .ok_or_else(|| incomplete("apt-get brought no rabbitmq-server"))?;
    let root = shelf.incoming.join("root");
    std::fs::create_dir_all(&root).map_err(Error::io("make the folder to unpack in"))?;
    let wanted = |file: &&PathBuf| {
        UNPACKED
            .iter()
            .any(|name| apt::package_name(file).starts_with(name))
    };
    for file in files.iter().filter(wanted) {
        step.detail(&format!("unpacking {}", apt::package_name(file)));
        apt.unpack(tools, file, &root).await?;
    }
    step.detail("adapting it to its folder");
    adapt(tools, &root, &shelf.folder.join(&version)).await?;
    let place = shelf.put(&root, &version)?;
    Ok(Found {
        version,
        place,
        on_path: false,
    })
}

fn incomplete(reason: &str) -> Error {
    Error::Tool {
        command: "unpacking RabbitMQ".into(),
        reason: reason.into(),
        tail: Vec::new(),
    }
}

/// Makes what was unpacked in `root` run from `place`: the host's C library may be older than the
/// packages', so programs get the loader and the libraries that came with them.
async fn adapt(tools: &mut Tools, root: &Path, place: &Path) -> Result<(), Error> {
    let libraries = format!("usr/lib/{}-linux-gnu", std::env::consts::ARCH);
    let loader =
        find_loader(root, &libraries).ok_or_else(|| incomplete("libc6 has no program loader"))?;
    let erlang = root.join("usr/lib/erlang");
    let (programs, shared) = executables(&erlang)?;
    let patchelf = |tools: &Tools| {
        let library_path = root.join(&libraries);
        tools
            .program(root.join(&loader))
            .arg("--library-path")
            .arg(library_path)
            .arg(root.join("usr/bin/patchelf"))
    };
    let rpath = place.join(&libraries);
    let patch = patchelf(tools)
        .arg("--set-interpreter")
        .arg(place.join(&loader))
        .arg("--set-rpath")
        .arg(&rpath)
        .args(programs);
    tools.run(patch, "patchelf on Erlang's programs").await?;
    let patch = patchelf(tools).arg("--set-rpath").arg(&rpath).args(shared);
    tools.run(patch, "patchelf on Erlang's libraries").await?;
    for script in glob(&erlang, "erts-", "bin/erl")
        .into_iter()
        .chain([erlang.join("bin/erl")])
    {
        let text =
            std::fs::read_to_string(&script).map_err(Error::io("read Erlang's start script"))?;
        let home = format!("ROOTDIR={}", place.join("usr/lib/erlang").display());
        let text = text.replace("ROOTDIR=/usr/lib/erlang", &home);
        std::fs::write(&script, text).map_err(Error::io("write Erlang's start script"))?;
    }
    Ok(())
}

/// The dynamic loader's path inside the root.
fn find_loader(root: &Path, libraries: &str) -> Option<PathBuf> {
    [
        "usr/lib64".to_owned(),
        "usr/lib".to_owned(),
        libraries.to_owned(),
    ]
    .iter()
    .find_map(|folder| {
        let entries = std::fs::read_dir(root.join(folder)).ok()?;
        let name = entries
            .flatten()
            .map(|entry| entry.file_name())
            .find(|name| name.to_string_lossy().starts_with("ld-linux"))?;
        Some(Path::new(folder).join(name))
    })
}

/// The ELF programs and the ELF libraries of Erlang.
fn executables(erlang: &Path) -> Result<(Vec<PathBuf>, Vec<PathBuf>), Error> {
    let (mut programs, mut shared) = (Vec::new(), Vec::new());
    let mut folders = vec![erlang.to_owned()];
    while let Some(folder) = folders.pop() {
        let entries = std::fs::read_dir(&folder).map_err(Error::io("list what was unpacked"))?;
        for entry in entries.flatten() {
            let (path, kind) = (
                entry.path(),
                entry.file_type().map_err(Error::io("read a file's type"))?,
            );
            if kind.is_dir() {
                folders.push(path);
            } else if kind.is_file() && is_elf(&path) {
                let in_bin = path.parent().is_some_and(|parent| parent.ends_with("bin"));
                if path.extension().is_some_and(|extension| extension == "so") {
                    shared.push(path);
                } else if in_bin {
                    programs.push(path);
                }
            }
        }
    }
    Ok((programs, shared))
}

fn is_elf(file: &Path) -> bool {
    use std::io::Read;
    let mut magic = [0; 4];
    std::fs::File::open(file)
        .and_then(|mut file| file.read_exact(&mut magic))
        .is_ok()
        && magic == *b"\x7fELF"
}

/// `folder/PREFIX*/rest` for every match.
fn glob(folder: &Path, prefix: &str, rest: &str) -> Vec<PathBuf> {
    std::fs::read_dir(folder)
        .into_iter()
        .flatten()
        .flatten()
        .filter(|entry| entry.file_name().to_string_lossy().starts_with(prefix))
        .map(|entry| entry.path().join(rest))
        .collect()
}

/// What one installation has.
struct Installation {
    sbin: PathBuf,
    epmd: PathBuf,
    path: std::ffi::OsString,
}

impl Installation {
    fn of(found: &Found) -> Result<Installation, Error> {
        let host = std::env::var_os("PATH").unwrap_or_default();
        if found.on_path {
            let epmd =
                program_on_path("epmd").ok_or_else(|| incomplete("there is no epmd on PATH"))?;
            let sbin = found.place.parent().unwrap_or(Path::new("/")).to_owned();
            return Ok(Installation {
                sbin,
                epmd,
                path: host,
            });
        }
        let erlang = found.place.join("usr/lib/erlang");
        let one = |mut found: Vec<PathBuf>| {
            found
                .pop()
                .ok_or_else(|| incomplete("the cached copy lacks files; run `cargo book refresh`"))
        };
        let sbin = one(glob(
            &found.place.join("usr/lib/rabbitmq/lib"),
            "rabbitmq_server-",
            "sbin",
        ))?;
        let epmd = one(glob(&erlang, "erts-", "bin/epmd"))?;
        let folders = std::iter::once(erlang.join("bin")).chain(std::env::split_paths(&host));
        let path = std::env::join_paths(folders).map_err(|error| incomplete(&error.to_string()))?;
        Ok(Installation { sbin, epmd, path })
    }
}

/// Starts one node that listens on loopback alone.
pub(crate) async fn start(found: &Found, options: &Options) -> Result<Server, Error> {
    let installation = Installation::of(found)?;
    let port = ports::choose(Kind::RabbitMq, options.port)?;
    let (epmd_port, dist_port) = (ports::free()?, ports::free()?);
    let mut guard = Guard::start(None)?;
    let data = super::data_folder(Kind::RabbitMq, &mut guard).await?;
    configure(&data, port, options)?;
    let log = data.join("log");
    let environment = environment(&data, port, epmd_port, dist_port, &installation.path);
    let with_environment = |program: Program| {
        environment.iter().fold(program, |program, (name, value)| {
            program.env(*name, value.clone())
        })
    };
    // A daemon of its own, which ends with this program. Without it the first node would start one
    // that leaves the process group and stays.
    let epmd = Program::new(&installation.epmd, &data, data.join("epmd")).args([
        "-port",
        &epmd_port.to_string(),
        "-address",
        "127.0.0.1",
    ]);
    let server = Program::new(
        installation.sbin.join("rabbitmq-server"),
        &data,
        data.join("output"),
    );
    let plan = Plan {
        kind: Kind::RabbitMq,
        url: format!("amqp://guest:guest@127.0.0.1:{port}/%2f"),
        version: found.version.clone(),
        port,
        program: with_environment(server),
        helpers: vec![epmd],
        log,
        ready: |line| line.contains(READY),
        control: Some(with_environment(Program::new(
            installation.sbin.join("rabbitmqctl"),
            &data,
            data.join("control"),
        ))),
        guard,
    };
    plan.start().await
}

fn configure(data: &Path, port: u16, options: &Options) -> Result<(), Error> {
    let write = |name: &str, text: String| {
        std::fs::write(data.join(name), text).map_err(Error::io("write RabbitMQ's configuration"))
    };
    let mut settings = format!("listeners.tcp.1 = 127.0.0.1:{port}\n");
    if options.warm_host {
        write("definitions.json", warm::definitions())?;
        settings += &format!(
            "load_definitions = {}\n",
            data.join("definitions.json").display()
        );
    }
    write("rabbitmq.conf", settings)?;
    write("advanced.config", "[].\n".to_owned())?;
    write("enabled_plugins", "[].\n".to_owned())
}

fn environment(
    data: &Path,
    port: u16,
    epmd_port: u16,
    dist_port: u16,
    path: &std::ffi::OsStr,
) -> Vec<(&'static str, std::ffi::OsString)> {
    let file = |name: &str| data.join(name).into_os_string();
    vec![
        ("PATH", path.to_owned()),
        ("HOME", data.as_os_str().to_owned()),
        ("ERL_EPMD_PORT", epmd_port.to_string().into()),
        ("ERL_EPMD_ADDRESS", "127.0.0.1".into()),
        ("ERL_CRASH_DUMP", file("erl_crash.dump")),
        // Without it the start script stays as the parent of the broker; with it the script
        // becomes the broker, so that its pid is the one to kill, pause and look at.
        ("RUNNING_UNDER_SYSTEMD", "true".into()),
        ("RABBITMQ_NODENAME", "book@localhost".into()),
        ("RABBITMQ_NODE_PORT", port.to_string().into()),
        ("RABBITMQ_DIST_PORT", dist_port.to_string().into()),
        ("RABBITMQ_MNESIA_BASE", file("db")),
        ("RABBITMQ_LOG_BASE", data.as_os_str().to_owned()),
        ("RABBITMQ_LOGS", file("log")),
        ("RABBITMQ_ENABLED_PLUGINS_FILE", file("enabled_plugins")),
        ("RABBITMQ_PID_FILE", file("pid")),
        ("RABBITMQ_CONFIG_FILE", file("rabbitmq.conf")),
        ("RABBITMQ_ADVANCED_CONFIG_FILE", file("advanced.config")),
        ("RABBITMQ_CONF_ENV_FILE", file("none")),
        // Idle schedulers sleep instead of spinning: the reader's two cores are for the listing.
        (
            "RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS",
            "-start_epmd false +sbwt none +sbwtdcpu none +sbwtdio none".into(),
        ),
    ]
}

#[cfg(test)]
mod tests {
    use super::version;

    #[test]
    fn a_version_is_read_from_a_folder() {
        assert_eq!(version("rabbitmq_server-4.3.6").as_deref(), Some("4.3.6"));
        assert_eq!(version("4.1.0").as_deref(), Some("4.1.0"));
        assert_eq!(version("sbin"), None);
    }
}
