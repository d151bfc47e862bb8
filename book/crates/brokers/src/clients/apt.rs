//! Debian packages without root: apt-get with a state folder of its own downloads and checks them
//! (by the signatures of the host's keyring), and dpkg-deb unpacks them into a folder.
//!
//! They come from a Debian suite, whatever the host's own is, or from the host's own sources: then
//! they fit its C library.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use super::{Tools, on_path};
use crate::process::Program;
use crate::progress::Step;
use crate::{Error, Tried};

/// What the host's apt does beside its work, and ours must not: run the host's scripts, which clean
/// the host's caches, and read lists that no package stands in.
const OFF: &str = "#clear APT::Update::Pre-Invoke;
#clear APT::Update::Post-Invoke;
#clear APT::Update::Post-Invoke-Success;
#clear DPkg::Pre-Invoke;
#clear DPkg::Post-Invoke;
#clear Acquire::IndexTargets::deb::DEP-11;
#clear Acquire::IndexTargets::deb::DEP-11-icons-small;
#clear Acquire::IndexTargets::deb::DEP-11-icons;
#clear Acquire::IndexTargets::deb::CNF;
";

const KEYRING: &str = "/usr/share/keyrings/debian-archive-keyring.gpg";

/// Debian's package clients on this machine, and the mirror that it uses.
pub(crate) struct Apt {
    apt_get: PathBuf,
    dpkg_deb: PathBuf,
    mirror: String,
}

/// Which packages there are to choose from.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Archive<'a> {
    /// Those of a Debian suite, for example `sid`. Needs what [`Apt::find`] looks for.
    Suite(&'a str),
    /// Those of the host's own sources.
    Host,
}

impl Apt {
    /// An apt that can serve any Debian suite; what stands in the way where there is none.
    pub(crate) fn find(what: &str) -> Result<Apt, Tried> {
        let mut apt = Apt::of_host(what)?;
        let tried = |why: String, fix: &str| Tried {
            what: what.to_owned(),
            why,
            fix: fix.to_owned(),
        };
        let release = std::fs::read_to_string("/etc/os-release").unwrap_or_default();
        if !release.lines().any(|line| line.trim() == "ID=debian") {
            return Err(tried(
                "this is not Debian, so its mirror has not the suites that are needed".into(),
                "use one of the other sources, for example Docker",
            ));
        }
        if !Path::new(KEYRING).exists() {
            return Err(tried(
                format!("{KEYRING} is missing, so packages could not be verified"),
                "apt-get install debian-archive-keyring",
            ));
        }
        apt.mirror = mirror(&host_sources()).ok_or_else(|| {
            tried(
                "/etc/apt names no Debian mirror".into(),
                "add one to /etc/apt/sources.list.d, see `man sources.list`",
            )
        })?;
        Ok(apt)
    }

    /// An apt that serves the host's own packages, which any host with apt has.
    pub(crate) fn of_host(what: &str) -> Result<Apt, Tried> {
        let program = |name: &str| {
            on_path(name).ok_or_else(|| Tried {
                what: what.to_owned(),
                why: format!("there is no {name} on PATH"),
                fix: "use a Debian host, or one of the other sources".to_owned(),
            })
        };
        Ok(Apt {
            apt_get: program("apt-get")?,
            dpkg_deb: program("dpkg-deb")?,
            mirror: String::new(),
        })
    }

    /// Reads what the archive has, into `folder`: comes before a download.
    pub(crate) async fn update(
        &self,
        tools: &mut Tools,
        folder: &Path,
        archive: Archive<'_>,
        step: &Step,
    ) -> Result<(), Error> {
        let make = |part: &str| {
            let path = folder.join(part);
            std::fs::create_dir_all(&path).map_err(Error::io(format!("make {}", path.display())))
        };
        make("lists/partial")?;
        make("cache/archives/partial")?;
        let write = |name: &str, text: String| {
            let path = folder.join(name);
            std::fs::write(&path, text).map_err(Error::io(format!("write {}", path.display())))
        };
        // An empty status file: apt sees a machine on which nothing is installed.
        write("status", String::new())?;
        write("apt.conf", OFF.to_owned())?;
        if let Archive::Suite(suite) = archive {
            write(
                "sources.list",
                format!("deb [signed-by={KEYRING}] {} {suite} main\n", self.mirror),
            )?;
        }
        step.detail(&match archive {
            Archive::Suite(suite) => format!("reading the package lists of Debian {suite}"),
            Archive::Host => "reading the package lists".to_owned(),
        });
        let update = self.apt_get(tools, folder, archive).args(["update"]);
        match (archive, tools.run(update, "apt-get update").await) {
            // One broken repository among the host's is no reason to stop: the download tells
            // whether what is wanted was in it.
            (Archive::Host, Err(error))
                if !error.is_final() && has_packages(&folder.join("lists")) =>
            {
                Ok(())
            }
            (_, updated) => updated.map(|_| ()),
        }
    }

    /// Downloads `packages` with all that they need, into `folder`; gives the `.deb` files.
    pub(crate) async fn download(
        &self,
        tools: &mut Tools,
        folder: &Path,
        archive: Archive<'_>,
        packages: &[&str],
        step: &Step,
    ) -> Result<Vec<PathBuf>, Error> {
        self.update(tools, folder, archive, step).await?;
        let install = self
            .apt_get(tools, folder, archive)
            .args(["-y", "--download-only", "-o", "APT::Status-Fd=1", "install"])
            .args(packages.iter().copied());
        let told = format!("apt-get --download-only install {}", packages.join(" "));
        tools
            .watch(install, &told, |printed| {
                step.detail(&download_state(printed))
            })
            .await?;
        debs(&folder.join("cache/archives"))
    }

    /// Downloads one package and nothing that it needs: for one that asks for no more than a host
    /// with apt has. [`Apt::update`] comes first.
    pub(crate) async fn download_alone(
        &self,
        tools: &mut Tools,
        folder: &Path,
        archive: Archive<'_>,
        package: &str,
        step: &Step,
    ) -> Result<PathBuf, Error> {
        step.detail(&format!("downloading {package}"));
        let alone = folder.join("alone");
        std::fs::create_dir_all(&alone).map_err(Error::io(format!("make {}", alone.display())))?;
        let mut download = self
            .apt_get(tools, folder, archive)
            .args(["download", package]);
        download.folder.clone_from(&alone);
        let told = format!("apt-get download {package}");
        tools.run(download, &told).await?;
        let found = debs(&alone)?
            .into_iter()
            .find(|file| package_name(file) == package);
        found.ok_or_else(|| Error::Tool {
            command: told,
            reason: "it brought no file".into(),
            tail: Vec::new(),
        })
    }

    /// Unpacks one package into a folder.
    pub(crate) async fn unpack(
        &self,
        tools: &mut Tools,
        package: &Path,
        into: &Path,
    ) -> Result<(), Error> {
        let unpack = tools
            .program(&self.dpkg_deb)
            .arg("-x")
            .arg(package)
            .arg(into);
        let name = package.file_name().unwrap_or_default().to_string_lossy();
        tools
            .run(unpack, &format!("dpkg-deb -x {name}"))
            .await
            .map(|_| ())
    }

    fn apt_get(&self, tools: &Tools, folder: &Path, archive: Archive<'_>) -> Program {
        let option = |name: &str, value: &Path| -> [OsString; 2] {
            let mut setting = OsString::from(format!("{name}="));
            setting.push(value);
            ["-o".into(), setting]
        };
        // Dir::Etc::main and ::parts stay the host's: they may hold a proxy.
        let program = tools
            .program(&self.apt_get)
            .env("DEBIAN_FRONTEND", "noninteractive")
            .arg("-q")
            .arg("-c")
            .arg(folder.join("apt.conf"));
        let program = match archive {
            Archive::Host => program,
            Archive::Suite(_) => program
                .args(option("Dir::Etc::sourcelist", &folder.join("sources.list")))
                .args(option("Dir::Etc::sourceparts", Path::new("-"))),
        };
        program
            .args(option("Dir::State::lists", &folder.join("lists")))
            .args(option("Dir::State::status", &folder.join("status")))
            .args(option("Dir::Cache", &folder.join("cache")))
            .args([
                "-o",
                "APT::Install-Recommends=false",
                "-o",
                "APT::Sandbox::User=",
            ])
            .args(["-o", "Acquire::Languages=none", "-o", "Debug::NoLocking=1"])
    }
}

/// Whether apt-get has read at least one list of packages.
fn has_packages(lists: &Path) -> bool {
    let entries = std::fs::read_dir(lists).into_iter().flatten().flatten();
    entries
        .into_iter()
        .any(|entry| entry.file_name().to_string_lossy().contains("_Packages"))
}

/// The packages in a folder, by name.
fn debs(folder: &Path) -> Result<Vec<PathBuf>, Error> {
    let entries = std::fs::read_dir(folder).map_err(Error::io("list the packages"))?;
    let mut files: Vec<PathBuf> = entries.flatten().map(|entry| entry.path()).collect();
    files.retain(|file| file.extension().is_some_and(|extension| extension == "deb"));
    files.sort();
    Ok(files)
}

/// Turns the absolute links of what was unpacked in `root` into links inside `place`, where it will
/// be: a package means the machine's root by `/`. Links to what was not unpacked stay.
pub(crate) fn relink(root: &Path, place: &Path) -> Result<(), Error> {
    let doing = || Error::io("adapt the links of what was unpacked");
    let mut folders = vec![root.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(&folder).map_err(doing())?.flatten() {
            let kind = entry.file_type().map_err(doing())?;
            if kind.is_dir() {
                folders.push(entry.path());
            } else if kind.is_symlink() {
                let link = entry.path();
                let target = std::fs::read_link(&link).map_err(doing())?;
                // One that points into `root` was adapted before.
                let inside = target
                    .strip_prefix(root)
                    .or_else(|_| target.strip_prefix("/"));
                // The target may be a link that is still to be adapted, so it is not followed.
                let is_unpacked = |inside: &&Path| root.join(inside).symlink_metadata().is_ok();
                if let Some(inside) = inside.ok().filter(is_unpacked) {
                    let target = place.join(inside);
                    std::fs::remove_file(&link)
                        .and_then(|()| std::os::unix::fs::symlink(target, &link))
                        .map_err(doing())?;
                }
            }
        }
    }
    Ok(())
}

/// Where Debian's file name says which version a package has: `rabbitmq-server_4.3.6-1_all.deb`.
pub(crate) fn upstream_version(package: &Path) -> Option<String> {
    let name = package.file_name()?.to_str()?;
    let version = name.split('_').nth(1)?;
    let version = version.rsplit_once("%3a").map_or(version, |(_, rest)| rest);
    let upstream = version
        .rsplit_once('-')
        .map_or(version, |(upstream, _)| upstream);
    Some(upstream.split(['+', '~']).next()?.to_owned())
}

/// The package that a `.deb` file holds.
pub(crate) fn package_name(package: &Path) -> &str {
    package
        .file_name()
        .and_then(|name| name.to_str())
        .and_then(|name| name.split('_').next())
        .unwrap_or("")
}

fn host_sources() -> String {
    let mut text = std::fs::read_to_string("/etc/apt/sources.list").unwrap_or_default();
    for entry in std::fs::read_dir("/etc/apt/sources.list.d")
        .into_iter()
        .flatten()
        .flatten()
    {
        let path = entry.path();
        if path
            .extension()
            .is_some_and(|extension| extension == "list" || extension == "sources")
        {
            text.push('\n');
            text.push_str(&std::fs::read_to_string(&path).unwrap_or_default());
        }
    }
    text
}

/// The first address in apt's sources that ends in `debian`: other repositories of the host, and
/// Debian's own security archive, do not have the suites that are needed.
fn mirror(sources: &str) -> Option<String> {
    sources
        .lines()
        .map(str::trim)
        .filter(|line| line.starts_with("URIs:") || line.starts_with("deb "))
        .flat_map(str::split_whitespace)
        .find(|word| {
            (word.starts_with("http://") || word.starts_with("https://"))
                && word.trim_end_matches('/').ends_with("/debian")
        })
        .map(str::to_owned)
}

/// `71.2 MB, 33 %` out of what apt-get prints with APT::Status-Fd.
fn download_state(printed: &str) -> String {
    let size = printed
        .lines()
        .find_map(|line| line.strip_prefix("Need to get "))
        .and_then(|rest| rest.split(" of ").next())
        .and_then(|size| size.split('/').next_back());
    let percent = printed
        .lines()
        .rev()
        .find_map(|line| line.strip_prefix("dlstatus:"))
        .and_then(|rest| rest.split(':').nth(1))
        .and_then(|percent| percent.split('.').next());
    match (size, percent) {
        (Some(size), Some(percent)) => format!("downloading {size}, {percent} %"),
        (Some(size), None) => format!("downloading {size}"),
        _ => "downloading".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_mirror_is_the_hosts_own_debian_one() {
        let deb822 = "Types: deb\nURIs: http://mirror.example/debian\nSuites: bookworm\n";
        assert_eq!(
            mirror(deb822).as_deref(),
            Some("http://mirror.example/debian")
        );
        let list = "# deb http://commented.example/debian x main\n\
                    deb http://mirror.example/debian-security bookworm main\n\
                    deb [arch=amd64 signed-by=/k.gpg] https://mirror.example/debian/ bookworm main\n";
        assert_eq!(
            mirror(list).as_deref(),
            Some("https://mirror.example/debian/")
        );
        assert_eq!(mirror("deb http://vendor.example/apt stable main"), None);
    }

    #[test]
    fn versions_are_read_from_file_names() {
        let version = |name: &str| upstream_version(Path::new(name));
        assert_eq!(
            version("rabbitmq-server_4.3.6-1_all.deb").as_deref(),
            Some("4.3.6")
        );
        assert_eq!(
            version("erlang-base_1%3a29.1.2+dfsg-1_amd64.deb").as_deref(),
            Some("29.1.2")
        );
        assert_eq!(
            version("nats-server_2.15.1-1+b2_amd64.deb").as_deref(),
            Some("2.15.1")
        );
        assert_eq!(version("nonsense"), None);
    }

    #[test]
    fn a_download_says_how_large_it_is_and_how_far() {
        let printed = "Need to get 71.2 MB of archives.\ndlstatus:1:3.5:Retrieving\ndlstatus:2:33.9:Retrieving\n";
        assert_eq!(download_state(printed), "downloading 71.2 MB, 33 %");
        let resumed = "Need to get 12.0 MB/71.2 MB of archives.\n";
        assert_eq!(download_state(resumed), "downloading 71.2 MB");
        assert_eq!(download_state(""), "downloading");
    }
}
