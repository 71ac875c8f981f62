// The shell of every page: preferences, dialogs of older browsers, copying, keyboard, focus after navigation.
// Pages work without this file; it makes them quicker to use.
(() => {
  'use strict';
  const root = document.documentElement;
  const $ = (selector, from = document) => from.querySelector(selector);
  const $$ = (selector, from = document) => [...from.querySelectorAll(selector)];

  // ---- The addresses that the MLflow client prints, such as /#/experiments/1/runs/abc, lead to our pages ----
  const printed = /^#\/experiments\/(\w+)(?:\/(runs|models)\/([\w-]+))?/.exec(location.hash);
  const page = { runs: 'runs', models: 'logged-models' };
  if (printed) location.replace(`${root.dataset.base}/${printed[2] ? `${page[printed[2]]}/${printed[3]}` : `experiments/${printed[1]}`}`);

  // ---- Live region: what changed, for people who do not see it change ----
  const say = (text) => {
    const live = $('#live');
    if (!live || !text) return;
    live.textContent = '';
    setTimeout(() => { live.textContent = text; }, 50);
  };
  const alertUser = (text) => {
    const box = $('#toasts');
    const card = box?.querySelector('template')?.content.cloneNode(true);
    if (!card) return;
    $('[data-text]', card).textContent = text;
    const shown = card.firstElementChild;
    box.append(card);
    setTimeout(() => shown.remove(), 8000);
  };

  // ---- Preferences: shown at once, kept in the cookie that the server reads ----
  const dark = () => (root.dataset.theme ? root.dataset.theme === 'dark' : matchMedia('(prefers-color-scheme: dark)').matches);
  const prefs = () => {
    const cookie = document.cookie.split('; ').find((c) => c.startsWith('slipway_prefs='));
    return new URLSearchParams(decodeURIComponent(cookie?.slice('slipway_prefs='.length) ?? ''));
  };
  const keep = (name, value) => {
    const all = prefs();
    if (value) all.set(name, value); else all.delete(name);
    document.cookie = `slipway_prefs=${encodeURIComponent(all)}; path=${root.dataset.base}/; max-age=31536000; samesite=lax`
      + (location.protocol === 'https:' ? '; secure' : '');
  };
  const paint = () => {
    $$('[data-toggle-theme]').forEach((b) => { b.setAttribute('aria-pressed', String(dark())); b.value = dark() ? 'light' : 'dark'; });
    $$('[data-pref]').forEach((b) => b.setAttribute('aria-pressed', String((root.dataset[b.name] ?? '') === b.value)));
  };
  const choose = (button) => {
    const { name, value } = button;
    if (value) root.dataset[name] = value; else delete root.dataset[name];
    keep(name, value);
    paint();
    say(button.dataset.done);
  };

  // ---- Copy ----
  const copy = async (button) => {
    const text = $(button.dataset.copy)?.textContent ?? '';
    try {
      await navigator.clipboard.writeText(text);
    } catch { // no clipboard on plain http: select and copy the old way
      const area = document.createElement('textarea');
      area.value = text;
      document.body.append(area);
      area.select();
      document.execCommand('copy');
      area.remove();
      button.focus();
    }
    say(button.dataset.done);
    button.classList.add('is-done');
    setTimeout(() => button.classList.remove('is-done'), 1500);
  };

  // ---- Dialogs: browsers before invoker commands ----
  const nativeCommands = 'commandForElement' in HTMLButtonElement.prototype;
  const command = (button) => {
    const dialog = document.getElementById(button.getAttribute('commandfor'));
    if (button.getAttribute('command') === 'show-modal' && !dialog?.open) dialog?.showModal();
    if (button.getAttribute('command') === 'close') dialog?.close();
  };

  document.addEventListener('click', (event) => {
    const button = event.target.closest?.('button');
    if (!button) return;
    if (button.dataset.copy) copy(button);
    if (button.dataset.toggleTheme !== undefined || button.dataset.pref !== undefined) { event.preventDefault(); choose(button); }
    if (!nativeCommands && button.hasAttribute('commandfor')) command(button);
  });

  // A form that was sent is not sent twice.
  document.addEventListener('submit', (event) => {
    const form = event.target;
    if (event.defaultPrevented || form.method !== 'post') return;
    if (form.dataset.sent) { event.preventDefault(); return; }
    // A sort or a filter has changed the address since the page was written: come back to it.
    if (form.matches('[data-back]')) form.elements.next.value = location.pathname + location.search;
    form.dataset.sent = 'yes';
    event.submitter?.classList.add('is-busy');
  });
  addEventListener('pageshow', () => $$('form[data-sent]').forEach((form) => {
    delete form.dataset.sent;
    $$('.is-busy', form).forEach((b) => b.classList.remove('is-busy'));
  }));
  document.addEventListener('keydown', (event) => {
    if (event.key === 'Enter' && (event.ctrlKey || event.metaKey)) event.target.closest?.('form')?.requestSubmit();
  });

  // ---- Keyboard ----
  const keysOff = () => localStorage.getItem('slipway.keys') === 'off';
  document.addEventListener('change', (event) => {
    if (event.target.id === 'keys-on') localStorage.setItem('slipway.keys', event.target.checked ? 'on' : 'off');
  });

  const rows = () => $$('table[data-rows] tbody tr').filter((row) => $('th a, td a', row));
  const moveRow = (step) => {
    const all = rows();
    if (!all.length) return;
    const at = all.findIndex((row) => row.contains(document.activeElement));
    const next = at < 0 ? (step > 0 ? 0 : all.length - 1) : Math.min(all.length - 1, Math.max(0, at + step));
    const link = $('th a, td a', all[next]);
    link.focus({ preventScroll: true });
    all[next].scrollIntoView({ block: 'nearest' });
  };
  const tickRow = () => {
    const row = document.activeElement?.closest('table[data-rows] tbody tr');
    if (row) $('input[type="checkbox"]', row)?.click();
  };
  const shortcuts = {
    '?': () => { const help = $('#shortcuts'); if (help && !help.open) help.showModal(); },
    f: () => { const input = $('[data-filter]'); input?.focus(); input?.select(); },
    j: () => moveRow(1),
    k: () => moveRow(-1),
    x: tickRow,
  };
  let gPressed = 0;
  document.addEventListener('keydown', (event) => {
    if (event.target.closest?.('input, textarea, select, [contenteditable]') || event.ctrlKey || event.metaKey || event.altKey) return;
    if (keysOff() || $('dialog[open]')) return;
    if (Date.now() - gPressed < 1200) {
      gPressed = 0;
      const link = $$('.nav a[data-key]').find((a) => a.dataset.key === event.key);
      if (link) { event.preventDefault(); link.click(); return; }
    }
    if (event.key === 'g') { gPressed = Date.now(); return; }
    if (shortcuts[event.key]) { event.preventDefault(); shortcuts[event.key](); }
  });

  // ---- htmx ----
  // An answer that does not hold the part we asked for is another page (signed out, an error): go there.
  let scrolled = 0; // how far a wide table was moved, which a sort must not change
  document.addEventListener('htmx:beforeSwap', (event) => {
    const { detail } = event;
    const asked = detail.requestConfig.elt;
    const onError = asked.closest('[data-error-target]')?.dataset.errorTarget;
    const wanted = asked.closest('[hx-select]')?.getAttribute('hx-select');
    const has = (selector) => selector && detail.serverResponse.includes(`id="${selector.slice(1)}"`);
    scrolled = $('.tbl-wrap', detail.target)?.scrollLeft ?? 0;
    if (detail.xhr.status >= 400 && has(onError)) {
      detail.target = $(onError);
      detail.selectOverride = onError;
    } else if (wanted && !has(wanted)) {
      detail.shouldSwap = false;
      location.assign(detail.xhr.responseURL || detail.pathInfo.finalRequestPath);
    }
  });
  document.addEventListener('htmx:beforeRequest', (event) => event.detail.target?.setAttribute('aria-busy', 'true'));
  document.addEventListener('htmx:afterRequest', (event) => event.detail.target?.removeAttribute('aria-busy'));
  for (const lost of ['htmx:sendError', 'htmx:timeout']) {
    document.addEventListener(lost, () => alertUser($('#toasts')?.dataset.offline ?? ''));
  }
  // What pages showed stays with the person who was signed in.
  const forgetPages = () => { if ($('[data-signed-out]')) sessionStorage.removeItem('htmx-history-cache'); };
  document.addEventListener('htmx:afterSettle', (event) => {
    paint();
    forgetPages();
    const wide = $('.tbl-wrap', event.target);
    if (wide && event.detail.target !== document.body) wide.scrollLeft = scrolled;
    if (event.detail.target === document.body && !document.activeElement?.matches('input, textarea, select')) { // who types already is left alone
      const heading = $('h1');
      heading?.setAttribute('tabindex', '-1');
      heading?.focus({ preventScroll: true });
    } else {
      say($('[data-announce]', event.target)?.textContent);
    }
  });
  document.addEventListener('htmx:beforeHistorySave', () => $$('dialog[open]').forEach((d) => d.close()));
  const start = () => {
    paint();
    $$('.tabs').forEach((tabs) => { // on a narrow screen the current tab may be far to the right
      const tab = $('[aria-current]', tabs);
      if (tab) tabs.scrollLeft = tab.offsetLeft - tabs.offsetLeft - (tabs.clientWidth - tab.offsetWidth) / 2;
    });
    // A dialog that came back with errors is open already: make it modal.
    $$('dialog[open]').filter((d) => !d.matches(':modal')).forEach((d) => { d.close(); d.showModal(); });
    forgetPages();
    const keys = $('#keys-on');
    if (keys) keys.checked = !keysOff();
  };
  document.addEventListener('htmx:load', (event) => { if ($('#keys-on', event.detail.elt)) start(); });
  start();
})();
