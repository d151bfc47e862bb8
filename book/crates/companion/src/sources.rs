//! Tells when a source changes.

use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result};
use notify::event::{EventKind, ModifyKind};
use notify::{Event, RecommendedWatcher, RecursiveMode, Watcher};
use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};

/// An editor saves in several steps: a change counts once this much time is quiet.
const QUIET: Duration = Duration::from_millis(100);

/// A watch over the sources; it ends when dropped.
pub struct Sources {
    changes: UnboundedReceiver<PathBuf>,
    _watcher: RecommendedWatcher,
}

impl Sources {
    /// Watches the folders, with every file in them, and the single files. A folder that is missing
    /// is not watched.
    pub fn watch(folders: Vec<PathBuf>, files: Vec<PathBuf>) -> Result<Sources> {
        let (sender, changes) = unbounded_channel();
        let (sources, told) = (folders.clone(), files.clone());
        let is_source = move |path: &Path| {
            told.iter().any(|file| file == path)
                || (sources.iter().any(|folder| path.starts_with(folder)) && !is_scratch(path))
        };
        let mut watcher = notify::recommended_watcher(move |event: notify::Result<Event>| {
            for path in event
                .ok()
                .filter(changes_content)
                .into_iter()
                .flat_map(|it| it.paths)
            {
                if is_source(&path) {
                    // The receiver is gone once the server ends.
                    let _ = sender.send(path);
                }
            }
        })
        .context("cannot watch files")?;
        let parents = files.iter().filter_map(|file| file.parent());
        let places = (folders
            .iter()
            .map(|it| (it.as_path(), RecursiveMode::Recursive)))
        .chain(parents.map(|it| (it, RecursiveMode::NonRecursive)));
        for (place, mode) in places.filter(|(place, _)| place.is_dir()) {
            watcher.watch(place, mode).with_context(|| {
                format!(
                    "cannot watch {} for changes; the system may allow too few watches \
                     (fs.inotify.max_user_watches)",
                    place.display()
                )
            })?;
        }
        Ok(Sources {
            changes,
            _watcher: watcher,
        })
    }

    /// Waits for a change, then until no more follow. Returns the changed files, at least one, the
    /// last one last, or nothing when the watch broke down.
    pub async fn changed(&mut self) -> Option<Vec<PathBuf>> {
        let mut paths = vec![self.changes.recv().await?];
        while let Ok(Some(more)) = tokio::time::timeout(QUIET, self.changes.recv()).await {
            paths.push(more);
        }
        Some(paths)
    }
}

/// Whether an event can mean other content. A build reads all sources, which must
/// not start the next build.
fn changes_content(event: &Event) -> bool {
    !matches!(
        event.kind,
        EventKind::Access(_) | EventKind::Modify(ModifyKind::Metadata(_))
    )
}

/// Files that editors keep beside the one they edit.
fn is_scratch(path: &Path) -> bool {
    let name = path
        .file_name()
        .and_then(|name| name.to_str())
        .unwrap_or_default();
    name.starts_with('.') || name.ends_with('~')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_editors_scratch_files_are_no_sources() {
        assert!(is_scratch(Path::new("chapters/x/src/.main.rs.swp")));
        assert!(is_scratch(Path::new("book/src/index.md~")));
        assert!(!is_scratch(Path::new("book/src/index.md")));
    }

    #[test]
    fn reading_is_no_change() {
        let event = |kind| Event::new(kind);
        assert!(!changes_content(&event(EventKind::Access(
            notify::event::AccessKind::Any
        ))));
        assert!(changes_content(&event(EventKind::Modify(ModifyKind::Any))));
        assert!(changes_content(&event(EventKind::Remove(
            notify::event::RemoveKind::File
        ))));
    }
}
