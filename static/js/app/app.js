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
  const registered = /^#\/models\/([^/]+)(\/versions\/\d+)?/.exec(location.hash);
  if (registered) location.replace(`${root.dataset.base}/models/${registered[1]}${registered[2] ?? ''}`);
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
  // The server writes times in the zone that the browser is in.
  const zone = Intl.DateTimeFormat().resolvedOptions().timeZone;
  if (zone && prefs().get('zone') !== zone) keep('zone', zone);
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
    if (button.dataset.press) { press(button.dataset.press); return; }
    if (button.dataset.copy) copy(button);
    if (button.dataset.toggleTheme !== undefined || button.dataset.pref !== undefined) { event.preventDefault(); choose(button); }
    if (!nativeCommands && button.hasAttribute('commandfor')) command(button);
  });

  // ---- Command menu: a combobox whose choices are commands of this page and answers of the server ----
  const menu = () => $('#palette');
  const openMenu = () => { if (menu() && !menu().open && !$('dialog:modal')) menu().showModal(); };
  const press = (selector) => {
    menu()?.close();
    const control = $(selector);
    if (control?.hasAttribute('commandfor')) document.getElementById(control.getAttribute('commandfor'))?.showModal();
    else control?.click();
  };
  const options = () => $$('#palette-list [role=option]').filter((o) => !o.hidden);
  const point = (option) => {
    $$('#palette-list [aria-selected=true]').forEach((o) => o.setAttribute('aria-selected', 'false'));
    option?.setAttribute('aria-selected', 'true');
    option?.scrollIntoView({ block: 'nearest' });
    if (option) $('#palette-words').setAttribute('aria-activedescendant', option.id);
    else $('#palette-words').removeAttribute('aria-activedescendant');
  };
  const pointed = () => $('#palette-list [aria-selected=true]');
  let asked, typed; // the question under way, and the one that waits for the next letter
  let waiting = false, hurry = false; // for an answer to the words as they are; Enter was pressed before it came
  const take = () => (pointed() ? pointed().click() : $('#palette form').requestSubmit());
  const showFound = (html, words) => {
    $('#palette-found').innerHTML = html; // written by the server, every name escaped
    $('#palette-none').hidden = options().length > 0 || !words;
    point(options()[0]);
    waiting = false;
    if (hurry) take();
    hurry = false;
  };
  const ask = async (words) => {
    asked = new AbortController(); // an answer to earlier words is never shown
    const { signal } = asked;
    try {
      const answer = await fetch(`${$('#palette-found').dataset.from}?${new URLSearchParams({ q: words })}`, { signal, headers: { 'HX-Request': 'true', 'HX-Target': 'palette-found' } });
      if (answer.redirected) { location.assign(location.href); return; } // signed out meanwhile
      const html = answer.ok ? await answer.text() : '';
      if (!signal.aborted && menu()?.open) showFound(html, words);
    } catch (e) {
      if (e.name !== 'AbortError') alertUser($('#toasts')?.dataset.offline ?? '');
    }
  };
  const lookUp = (input) => {
    clearTimeout(typed);
    asked?.abort();
    const only = input.value.trimStart().startsWith('>');
    const words = (only ? input.value.trimStart().slice(1) : input.value).trim();
    const parts = words.toLowerCase().split(/\s+/);
    $$('#palette-commands [role=option]').forEach((o) => { o.hidden = !parts.every((part) => o.textContent.toLowerCase().includes(part)); });
    $('#palette-commands').hidden = $$('#palette-commands [role=option]').every((o) => o.hidden);
    if (only || !words) showFound('', words);
    else {
      point(pointed()?.hidden ? options()[0] : pointed() ?? options()[0]);
      waiting = true;
      typed = setTimeout(() => ask(words), 120);
    }
  };
  document.addEventListener('input', (event) => { if (event.target.id === 'palette-words') lookUp(event.target); });
  document.addEventListener('keydown', (event) => {
    if (event.target.id !== 'palette-words' || event.isComposing) return;
    const all = options();
    const at = all.indexOf(pointed());
    const to = { ArrowDown: at + 1, ArrowUp: at - 1 }[event.key];
    if (to !== undefined && all.length) { event.preventDefault(); waiting = false; point(all[(to + all.length) % all.length]); }
    if (event.key !== 'Enter' || event.ctrlKey || event.metaKey) return;
    event.preventDefault();
    if (waiting) hurry = true; else take();
  });
  document.addEventListener('click', (event) => { if (event.target.closest?.('#palette a')) menu().close(); });
  document.addEventListener('toggle', (event) => {
    if (event.target.id !== 'palette') return;
    const input = $('#palette-words');
    if (menu().open) { input.value = ''; lookUp(input); } else { clearTimeout(typed); asked?.abort(); waiting = hurry = false; }
  }, true);
  document.addEventListener('keydown', (event) => {
    if ((event.ctrlKey || event.metaKey) && !event.shiftKey && !event.altKey && event.key.toLowerCase() === 'k' && menu()) { event.preventDefault(); openMenu(); }
  });

  // ---- What the last act did can be undone for a while; who looks at it or points at it has longer ----
  const fade = (toast) => {
    setTimeout(function end() {
      if (toast.matches(':hover, :focus-within')) setTimeout(end, 2000);
      else toast.remove();
    }, Number(toast.dataset.lasts));
  };

  // What shows only when it is opened is a template until then: elements that no page has to lay out.
  const unpack = (event) => {
    if (event.newState !== 'open') return;
    for (const late of $$('template[data-late]', event.target)) {
      const parts = [...late.content.children];
      late.replaceWith(late.content);
      parts.forEach((part) => window.htmx?.process(part));
    }
    const keys = $('#keys-on', event.target);
    if (keys) keys.checked = !keysOff();
  };
  document.addEventListener('beforetoggle', unpack, true); // a dialog
  document.addEventListener('toggle', unpack, true); // details

  // An address may name a dialog of its page.
  const openNamed = () => {
    const dialog = location.hash.length > 1 && document.getElementById(location.hash.slice(1));
    if (dialog instanceof HTMLDialogElement && !dialog.open) dialog.showModal();
  };
  addEventListener('hashchange', openNamed);

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
    '/': openMenu,
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
  let unfolded = []; // what the reader had opened in the part that is written anew
  document.addEventListener('htmx:beforeSwap', (event) => {
    const { detail } = event;
    const asked = detail.requestConfig.elt;
    const onError = asked.closest('[data-error-target]')?.dataset.errorTarget;
    const wanted = asked.closest('[hx-select]')?.getAttribute('hx-select');
    const has = (selector) => selector && detail.serverResponse.includes(`id="${selector.slice(1)}"`);
    scrolled = $('.tbl-wrap', detail.target)?.scrollLeft ?? 0;
    unfolded = $$('details[id][open]', detail.target).map((d) => d.id);
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
    unfolded.splice(0).forEach((id) => { const d = document.getElementById(id); if (d) d.open = true; });
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
  // A page that comes back shows its tables where they were left.
  document.addEventListener('htmx:beforeHistorySave', () => {
    $$('dialog[open]').forEach((d) => d.close());
    $$('.tbl-wrap').forEach((box) => { box.dataset.at = `${box.scrollLeft} ${box.scrollTop}`; });
  });
  document.addEventListener('htmx:historyRestore', () => $$('.tbl-wrap[data-at]').forEach((box) => {
    [box.scrollLeft, box.scrollTop] = box.dataset.at.split(' ').map(Number);
    delete box.dataset.at;
  }));
  const start = () => {
    paint();
    requestAnimationFrame(() => $$('.tabs').forEach((tabs) => { // on a narrow screen the current tab may be far to the right
      const tab = $('[aria-current]', tabs);
      if (tab) tabs.scrollLeft = tab.offsetLeft - tabs.offsetLeft - (tabs.clientWidth - tab.offsetWidth) / 2;
    })); // measured when the page is laid out anyway
    // A dialog that came back with errors is open already: make it modal.
    $$('dialog[open]').filter((d) => !d.matches(':modal')).forEach((d) => { d.close(); d.showModal(); });
    forgetPages();
    openNamed();
    $$('.toast[data-lasts]').forEach(fade);
  };
  document.addEventListener('htmx:load', (event) => { if (event.detail.elt.id === 'shortcuts') start(); });
  start();
})();
