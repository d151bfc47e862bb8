// mdBook loads this file just before its own script, for a highlighter. The book has its code
// coloured while it is built; mdBook's script still makes these calls.
const hljs = { configure() {}, highlightBlock() {} };

// In its place: what the keyboard and a screen reader do not reach in mdBook's own page.
(() => {
    const part = id => document.getElementById(`mdbook-${id}`);
    part('menu-bar').setAttribute('role', 'banner');
    part('search-wrapper')?.setAttribute('role', 'search');

    // A label, which the keyboard passes over; without a script it has to be one.
    const label = part('sidebar-toggle');
    const toggle = document.createElement('button');
    for (const { name, value } of label.attributes) {
        toggle.setAttribute(name, value);
    }
    toggle.removeAttribute('for');
    toggle.type = 'button';
    toggle.append(...label.childNodes);
    label.replaceWith(toggle);
    // Around it, so that what mdBook does at a click comes first.
    toggle.parentElement.addEventListener('click', event => {
        if (toggle.contains(event.target)) {
            part('sidebar-toggle-anchor').click();
        }
    });

    // What is wider than its place scrolls by the keyboard, with the keys that turn mdBook's pages.
    const main = document.querySelector('main');
    const kinds = 'pre > code, .table-wrapper, .strip, .flow';
    const isWide = it => it.scrollWidth > it.clientWidth;
    const sizes = new ResizeObserver(changes => {
        for (const { target } of changes) {
            if (isWide(target)) {
                target.tabIndex = 0;
            } else {
                target.removeAttribute('tabindex');
            }
        }
    });
    main.querySelectorAll(kinds).forEach(it => sizes.observe(it));
    main.addEventListener('keydown', event => {
        const it = event.target.closest(`${kinds}, [role=region]`);
        if (it && (it.tabIndex === 0 || isWide(it)) && event.key.startsWith('Arrow')) {
            event.stopPropagation();
        }
    });
})();
