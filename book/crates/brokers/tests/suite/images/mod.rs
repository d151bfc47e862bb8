//! Stand-ins for the official images, made of the native installations: for machines that reach no
//! image registry. They take the same settings as far as the book uses them.

use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use brokers::Kind;

use crate::paths::{installed, script};

/// What the start scripts in the images call.
const PROGRAMS: [&str; 22] = [
    "sh", "awk", "basename", "cat", "chmod", "cut", "dirname", "env", "expr", "grep", "hostname",
    "id", "ls", "mkdir", "readlink", "rm", "sed", "sleep", "touch", "tr", "uname", "ps",
];

/// Writes the settings that stand in the environment as Kafka's own image does, formats the
/// storage unless that was done, and becomes the broker.
const KAFKA: &str = r#"
env | while IFS= read -r line; do
  case $line in
    KAFKA_*) echo "$(echo "${line%%=*}" | cut -c7- | tr 'A-Z_' 'a-z.')=${line#*=}" ;;
  esac
done > /server.properties
run() { exec /java/bin/java -Xmx256m -XX:TieredStopAtLevel=1 -XX:+UseSerialGC \
  -Dlog4j2.configurationFile=/log4j2.properties -cp "/kafka/*" "$@"; }
(run kafka.tools.StorageTool format --ignore-formatted -t bookbookbookbookbookbw -c /server.properties) >/dev/null
run kafka.Kafka /server.properties"#;

/// An image that is removed with this value.
pub struct Image(pub String);

impl Drop for Image {
    fn drop(&mut self) {
        let _ = docker(&["rmi", "--force", &self.0]);
    }
}

pub fn docker(args: &[&str]) -> std::io::Result<Output> {
    Command::new("docker").args(args).output()
}

/// Makes the stand-in of one broker.
pub async fn stand_in(kind: Kind) -> Image {
    let root = tempfile::tempdir().unwrap();
    let place = installed(kind).await;
    match kind {
        Kind::Nats => copy(&place.join("nats-server"), root.path()),
        Kind::RabbitMq => rabbitmq(root.path(), &place),
        Kind::Kafka => kafka(root.path(), &place),
    }
    let entry = if kind == Kind::Nats {
        r#"["/nats-server"]"#
    } else {
        r#"["/start"]"#
    };
    import(root.path(), kind.name(), entry)
}

/// Makes an image whose broker prints a text and ends, whatever it is asked.
pub async fn that_ends() -> Image {
    let root = tempfile::tempdir().unwrap();
    copy(
        &installed(Kind::Nats).await.join("nats-server"),
        root.path(),
    );
    import(root.path(), "ends", r#"["/nats-server", "--help"]"#)
}

fn import(root: &Path, name: &str, entry: &str) -> Image {
    let name = format!("messaging-book/{name}:stand-in-{}", std::process::id());
    let mut tar = Command::new("tar")
        .arg("-C")
        .arg(root)
        .args(["-c", "."])
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let imported = Command::new("docker")
        .args([
            "import",
            "--change",
            &format!("ENTRYPOINT {entry}"),
            "-",
            &name,
        ])
        .stdin(tar.stdout.take().unwrap())
        .output()
        .unwrap();
    assert!(
        tar.wait().unwrap().success() && imported.status.success(),
        "{imported:?}"
    );
    Image(name)
}

fn kafka(root: &Path, jars: &Path) {
    system(root);
    let path = std::env::var_os("PATH").unwrap();
    let java = std::env::split_paths(&path).map(|folder| folder.join("java"));
    let java = java
        .filter_map(|program| program.canonicalize().ok())
        .next();
    let cached = std::fs::read_dir(jars.parent().unwrap())
        .unwrap()
        .flatten()
        .map(|entry| entry.path().join("bin/java"));
    let java = java
        .or_else(|| cached.filter(|program| program.exists()).last())
        .expect("there is a Java");
    let home = java.parent().unwrap().parent().unwrap();
    copy(home, &root.join("java"));
    for library in [
        "bin/java",
        "lib/server/libjvm.so",
        "lib/libnio.so",
        "lib/libzip.so",
    ] {
        copy_libraries(root, &home.join(library));
    }
    copy(jars, &root.join("kafka"));
    let logging = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/native/kafka/log4j2.properties");
    copy(&logging, root);
    script(root, "start", KAFKA);
}

fn rabbitmq(root: &Path, place: &Path) {
    system(root);
    // At the same path as here: its programs carry that path in them.
    let inside = root.join(place.strip_prefix("/").unwrap());
    std::fs::create_dir_all(inside.parent().unwrap()).unwrap();
    copy(place, &inside);
    let settings = root.join("etc/rabbitmq/conf.d");
    std::fs::create_dir_all(&settings).unwrap();
    // As in the official image: guests may come through the published port.
    std::fs::write(
        settings.join("10-defaults.conf"),
        "loopback_users.guest = false\n",
    )
    .unwrap();
    std::fs::write(root.join("etc/rabbitmq/enabled_plugins"), "[].\n").unwrap();
    let erlang = place.join("usr/lib/erlang/bin");
    let folder = place.join("usr/lib/rabbitmq/lib");
    let server = std::fs::read_dir(folder)
        .unwrap()
        .next()
        .unwrap()
        .unwrap()
        .path();
    let start = format!(
        "export PATH={}:{}:/bin HOME=/data RABBITMQ_CONFIG_FILES=/etc/rabbitmq/conf.d \\\n\
         RABBITMQ_MNESIA_BASE=/data RABBITMQ_LOG_BASE=/data RABBITMQ_LOGS=- \\\n\
         RABBITMQ_ENABLED_PLUGINS_FILE=/etc/rabbitmq/enabled_plugins RABBITMQ_CONF_ENV_FILE=/none\n\
         mkdir -p /data\nexec rabbitmq-server",
        server.join("sbin").display(),
        erlang.display(),
    );
    script(root, "start", &start);
}

/// A shell and the programs that scripts call, with the libraries of this machine.
fn system(root: &Path) {
    for folder in ["bin", "tmp", "etc"] {
        std::fs::create_dir_all(root.join(folder)).unwrap();
    }
    for name in PROGRAMS {
        let folders = ["/bin", "/usr/bin"].map(|folder| PathBuf::from(folder).join(name));
        if let Some(program) = folders.iter().find(|program| program.exists()) {
            copy(
                &program.canonicalize().unwrap(),
                &root.join("bin").join(name),
            );
            copy_libraries(root, program);
        }
    }
    std::fs::create_dir_all(root.join("usr")).unwrap();
    std::os::unix::fs::symlink("/bin", root.join("usr/bin")).unwrap();
    std::fs::write(root.join("etc/passwd"), "root:x:0:0:root:/data:/bin/sh\n").unwrap();
}

/// Copies a file or folder, the targets of links in the place of the links.
fn copy(from: &Path, to: &Path) {
    let copied = Command::new("cp")
        .args(["-rL"])
        .arg(from)
        .arg(to)
        .output()
        .unwrap();
    let told = String::from_utf8_lossy(&copied.stderr);
    // A package's folder may hold links to documents that were not installed.
    let dangling = told
        .lines()
        .all(|line| line.contains("No such file or directory"));
    assert!(copied.status.success() || dangling, "{told}");
}

/// Copies the libraries that a program loads to where it looks for them.
fn copy_libraries(root: &Path, program: &Path) {
    let told = Command::new("ldd").arg(program).output().unwrap();
    for word in String::from_utf8_lossy(&told.stdout)
        .split_whitespace()
        .filter(|word| word.starts_with('/'))
    {
        let inside = root.join(word.trim_start_matches('/'));
        if Path::new(word).exists() && !inside.exists() {
            std::fs::create_dir_all(inside.parent().unwrap()).unwrap();
            std::fs::copy(word, inside).unwrap();
        }
    }
}
