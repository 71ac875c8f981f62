// Live pages: one stream a page tells that something changed; the parts that may have changed are fetched again and
// put in place. What the reader has open, typed, focused or scrolled stays. The stream closes with the tab's view.
(() => {
  'use strict';
  const $ = (selector, from = document) => from.querySelector(selector);
  const $$ = (selector, from = document) => [...from.querySelectorAll(selector)];
  let stream, of, waiting, busy, again;

  // A part that somebody uses is left alone until the next change.
  const inUse = (part) => $(':popover-open, dialog[open]', part) || part.contains(document.activeElement)
    && document.activeElement.matches('input:not([type="checkbox"]), textarea, select');

  const put = (part, fresh) => {
    if (part.outerHTML === fresh.outerHTML) return;
    const focused = part.contains(document.activeElement) ? document.activeElement : null;
    const again = focused && (focused.id ? `#${CSS.escape(focused.id)}` : focused.href && `a[href="${CSS.escape(focused.getAttribute('href'))}"]`);
    const scrolls = $$('.tbl-wrap', part).map((box) => [box.scrollLeft, box.scrollTop]);
    part.replaceWith(fresh);
    window.htmx?.process(fresh);
    $$('.tbl-wrap', fresh).forEach((box, i) => { [box.scrollLeft, box.scrollTop] = scrolls[i] ?? [0, 0]; });
    if (again) $(again, fresh)?.focus({ preventScroll: true });
  };

  const refresh = async () => {
    if (busy) { again = true; return; }
    busy = true;
    const at = location.href;
    try {
      document.dispatchEvent(new CustomEvent('slipway:changed'));
      const answer = await fetch(at, { headers: { Accept: 'text/html' }, cache: 'no-store' });
      if (!answer.ok || at !== location.href) return;
      const page = new DOMParser().parseFromString(await answer.text(), 'text/html');
      const parts = $$('[data-live-part]');
      if (parts.some((part) => !page.getElementById(part.id))) { location.reload(); return; } // another kind of page now: the first run is there
      parts.filter((part) => !inUse(part)).forEach((part) => put(part, document.adoptNode(page.getElementById(part.id))));
      document.dispatchEvent(new CustomEvent('slipway:refreshed'));
    } catch { // the next change, or the stream itself, tries again
    } finally {
      busy = false;
      if (again) { again = false; soon(); }
    }
  };
  // At most one refresh a second; the last change is never lost.
  let last = 0;
  function soon() {
    clearTimeout(waiting);
    waiting = setTimeout(() => { last = Date.now(); refresh(); }, Math.max(0, 1000 - (Date.now() - last)));
  }

  const close = () => { stream?.close(); stream = undefined; of = undefined; };
  const open = () => {
    const url = document.hidden ? undefined : $('[data-live]')?.dataset.live;
    if (url === of) return;
    const back = stream !== undefined || of === undefined;
    close();
    if (!url) return;
    of = url;
    stream = new EventSource(url);
    stream.addEventListener('changed', soon);
    let lost = false; // what changed while the line was down
    stream.addEventListener('error', () => { lost = true; });
    stream.addEventListener('open', () => { if (lost) soon(); lost = false; });
    return back;
  };
  document.addEventListener('visibilitychange', () => {
    open();
    if (!document.hidden && of) soon(); // what was missed while nobody looked
  });
  document.addEventListener('htmx:afterSettle', open);
  addEventListener('pagehide', close);
  addEventListener('pageshow', open);
  open();
})();
