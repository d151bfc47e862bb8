//! What a page has loaded.

use serde::Deserialize;

use crate::chromium::Window;

/// A file that a page has loaded.
#[derive(Debug, Deserialize)]
pub struct Loaded {
    pub path: String,
    /// Its size in bytes, as gzip makes it.
    pub packed: usize,
}

/// What the page, now shown, has loaded: itself, style sheets and scripts.
pub async fn loaded(window: &Window) -> Vec<Loaded> {
    let weigh = "
        window.loaded = null;
        (async () => {
            const names = performance.getEntriesByType('resource').map(it => it.name);
            const files = [location.href, ...names].map(it => new URL(it))
                .filter(it => it.protocol === location.protocol && !/\\/-\\/builds$/.test(it.pathname))
                .filter(it => it.pathname === location.pathname || /\\.(css|js)$/.test(it.pathname))
                .map(it => it.pathname);
            const all = [];
            for (const path of new Set(files)) {
                const body = await (await fetch(path)).blob();
                const packed = body.stream().pipeThrough(new CompressionStream('gzip'));
                const bytes = await new Response(packed).arrayBuffer();
                all.push({path, packed: bytes.byteLength});
            }
            window.loaded = all;
        })().catch(error => window.loaded = String(error));";
    window.run::<serde_json::Value>(weigh).await;
    window
        .until("window.loaded && document.readyState === 'complete'")
        .await;
    window.run("return window.loaded").await
}

/// What all weigh, as gzip makes them.
pub fn packed(loaded: &[Loaded]) -> usize {
    loaded.iter().map(|file| file.packed).sum()
}
