// The runs table: ticked rows across pages, completion of the filter, the drawer of columns. Without this file the
// ticked rows of one page can be acted on, and the drawer is a page.
(() => {
  'use strict';
  const $ = (selector, from = document) => from.querySelector(selector);
  const $$ = (selector, from = document) => [...from.querySelectorAll(selector)];
  const base = document.documentElement.dataset.base;

  // ---- Selection: kept by experiment for as long as the tab lives ----
  const key = () => `slipway.selection.${$('[data-selection]')?.dataset.selection}`;
  const load = () => new Set(JSON.parse(sessionStorage.getItem(key()) ?? '[]'));
  const keep = (ids) => sessionStorage.setItem(key(), JSON.stringify([...ids]));
  const boxes = () => $$('#selection tbody input[name="run"]');

  const paint = () => {
    const bar = $('[data-bulk]');
    if (!bar) return;
    const ids = load();
    boxes().forEach((box) => {
      box.checked = ids.has(box.value);
      box.closest('tr').classList.toggle('is-selected', box.checked);
    });
    const all = $('[data-all]');
    const ticked = boxes().filter((box) => box.checked).length;
    all.checked = ticked > 0 && ticked === boxes().length;
    all.indeterminate = ticked > 0 && !all.checked;
    bar.hidden = ids.size === 0;
    const count = $('[data-count]', bar);
    const many = ids.size > Number(bar.dataset.max);
    const said = (ids.size === 1 ? count.dataset.one : count.dataset.other).replace('#', ids.size);
    const text = many ? `${said} · ${count.dataset.tooMany}` : said;
    if (count.textContent !== text) count.textContent = text;
    $('[data-compare]', bar).disabled = many || ids.size < 2;
  };
  const change = (some, on) => {
    const ids = load();
    some.forEach((box) => (on ? ids.add(box.value) : ids.delete(box.value)));
    keep(ids);
    paint();
  };
  // Runs that the address names join those that are ticked, once: the address without them is the page from then on.
  const join = () => {
    const runs = $('[data-ticked]');
    if (!runs) return;
    keep(new Set([...load(), ...runs.dataset.ticked.split(' ')]));
    delete runs.dataset.ticked;
    const url = new URL(location.href);
    url.searchParams.delete('selected');
    history.replaceState(history.state, '', url);
  };
  let last; // the run where a range begins: its row may be written anew meanwhile
  document.addEventListener('click', (event) => {
    const box = event.target.closest?.('#selection input[name="run"]');
    if (box) {
      const all = boxes();
      const [a, b] = [all.findIndex((other) => other.value === last), all.indexOf(box)].sort((x, y) => x - y);
      change(event.shiftKey && a >= 0 ? all.slice(a, b + 1) : [box], box.checked);
      last = box.value;
    }
    if (event.target.closest?.('[data-all]')) change(boxes(), event.target.checked);
    if (event.target.closest?.('[data-clear]')) { keep([]); paint(); }
  });
  const compare = () => {
    const ids = load();
    if (ids.size < 2 || ids.size > Number($('[data-bulk]')?.dataset.max)) return;
    location.assign(`${base}/compare?${new URLSearchParams([...ids].map((id) => ['run', id]))}`);
  };
  document.addEventListener('submit', (event) => {
    if (event.target.id !== 'selection') return;
    if (event.submitter?.matches('[data-compare]')) {
      event.preventDefault();
      compare();
      return;
    }
    const here = new Set(boxes().map((box) => box.value));
    load().forEach((id) => {
      if (here.has(id)) return;
      const field = Object.assign(document.createElement('input'), { type: 'hidden', name: 'run', value: id });
      event.target.append(field);
    });
    keep([]);
  });
  document.addEventListener('keydown', (event) => {
    if (event.key !== 'c' || event.ctrlKey || event.metaKey || event.altKey) return;
    if (event.target.closest?.('input:not([type="checkbox"]), textarea, select, [contenteditable], dialog')) return;
    if (localStorage.getItem('slipway.keys') !== 'off' && $('[data-bulk]')) compare();
  });

  // ---- Another table ticks the rows of its page: all at once, from its head ----
  const ticking = 'form:has([data-tick-all])';
  const showTicks = (form) => {
    const all = $$('tbody input[type="checkbox"]', form);
    const ticked = all.filter((box) => box.checked).length;
    const head = $('[data-tick-all]', form);
    head.checked = ticked > 0 && ticked === all.length;
    head.indeterminate = ticked > 0 && !head.checked;
    all.forEach((box) => box.closest('tr').classList.toggle('is-selected', box.checked));
  };
  document.addEventListener('change', (event) => {
    const form = event.target.closest?.(ticking);
    if (!form) return;
    if (event.target.matches('[data-tick-all]')) $$('tbody input[type="checkbox"]', form).forEach((box) => { box.checked = event.target.checked; });
    showTicks(form);
  });

  // ---- A saved view keeps what the page shows now, also after a sort or a filter ----
  const queries = () => $$('[data-query]').forEach((field) => { field.value = location.search.slice(1); });

  // ---- Completion of the filter ----
  const words = {
    start: ['metrics.', 'params.', 'tags.', 'attributes.status', 'attributes.run_name', 'attributes.start_time', 'attributes.user_id', 'attributes.run_id', 'dataset.name', 'dataset.digest', 'NOT '],
    number: ['= ', '!= ', '< ', '<= ', '> ', '>= '],
    text: ["= '", "!= '", "LIKE '%", "ILIKE '%", "IN ('", 'IS NULL', 'IS NOT NULL'],
    after: ['AND ', 'OR '],
  };
  const plain = /^[A-Za-z_][\w.]*$/;
  const written = (name) => {
    const at = name.indexOf('.');
    const [kind, rest] = [name.slice(0, at), name.slice(at + 1)];
    if (plain.test(rest)) return `${name} `;
    return rest.includes('`') ? `${kind}."${rest.replaceAll('"', '""')}" ` : `${kind}.\`${rest}\` `;
  };
  // What the server knows is asked for: [what is being written, words].
  const ask = async (address, query) => {
    const answer = await fetch(`${address}?${new URLSearchParams(query)}`);
    if (!answer.ok) throw new Error(String(answer.status));
    return answer.json();
  };
  const keys = async (text, kind, q) => [text, (await ask($('[data-keys]').dataset.keys, { kind, q })).map(written)];
  const values = async (filter) => { const { part, values: all } = await ask($('[data-values]').dataset.values, { filter }); return [part, all]; };
  const quotes = /'[^']*'|"[^"]*"|`[^`]*`/g;
  // What may follow the text before the caret: [what is being written, words, or how to ask for both].
  const expects = (before) => {
    if (/'|(^|[^.])"/.test(before.replace(quotes, ''))) return ['', [], () => values(before)];
    const part = /(?:^|[\s(])(?:(metrics?|params?|tags?)\.[`"]?([^`"\s]*)|([\w.]*))$/i.exec(before);
    if (!part) return [null];
    const text = part[1] ? part[0].replace(/^[\s(]/, '') : part[3];
    const earlier = before.slice(0, before.length - text.length).trimEnd();
    if (part[1]) return [text, [], () => keys(text, part[1].toLowerCase().replace(/s$/, ''), part[2])];
    if (earlier === '' || /(\(|\b(and|or|not))$/i.test(earlier)) return [text, words.start];
    if (/('|\)|\d|null)$/i.test(earlier)) return [text, words.after];
    if (/[=<>]$|like$/i.test(earlier)) return [null];
    return [text, /metrics?\.[^\s]*$|_time$/i.test(earlier) ? words.number : words.text];
  };
  let asked = 0;
  const list = (input) => {
    let box = $('#filter-complete');
    if (!box || !box.parentElement.contains(input)) {
      box?.remove();
      box = Object.assign(document.createElement('ul'), { id: 'filter-complete', className: 'complete', hidden: true });
      box.setAttribute('role', 'listbox');
      box.setAttribute('aria-label', input.labels[0]?.textContent ?? '');
      input.parentElement.append(box);
      for (const [name, value] of Object.entries({ 'aria-autocomplete': 'list', 'aria-controls': box.id })) input.setAttribute(name, value);
      if (input.matches('input')) input.setAttribute('role', 'combobox'); // a field of several lines has no such role
    }
    return box;
  };
  const close = (input) => {
    asked += 1;
    open(input, false);
    input.removeAttribute('aria-activedescendant');
  };
  const open = (input, is) => { list(input).hidden = !is; if (input.matches('input')) input.setAttribute('aria-expanded', String(is)); };
  // Names after an @, where a field has them.
  const names = (input) => (before) => {
    const typed = /(?:^|[^\p{L}\p{N}._@/\\-])(@[\w.@-]*)$/u.exec(before)?.[1] ?? null;
    return [typed, input.dataset.callable.split(' ').map((name) => `@${name} `)];
  };
  const offer = async (input) => {
    const [typed, some, more] = (input.dataset.callable ? names(input) : expects)(input.value.slice(0, input.selectionStart));
    const mine = asked += 1;
    if (typed === null) { close(input); return; }
    let text = typed;
    let found = some.filter((w) => w.toLowerCase().startsWith(text.toLowerCase()) && w.trim() !== text);
    if (more) {
      try { [text, found] = await more(); } catch { found = []; }
    }
    if (mine !== asked) return; // somebody typed on
    const box = list(input);
    box.replaceChildren(...found.slice(0, 30).map((word, i) => {
      const option = Object.assign(document.createElement('li'), { id: `complete-${i}`, textContent: word });
      option.setAttribute('role', 'option');
      option.setAttribute('aria-selected', 'false');
      option.dataset.length = text.length;
      return option;
    }));
    open(input, found.length > 0);
    input.removeAttribute('aria-activedescendant');
  };
  const take = (input, option) => {
    const at = input.selectionStart;
    const from = at - Number(option.dataset.length);
    const rest = option.textContent.startsWith("'") ? /^[^\s'"]*['"]/.exec(input.value.slice(at)) : null; // of the value that is replaced
    const to = at + (rest?.[0].length ?? 0);
    const word = /\s/.test(input.value[to]) ? option.textContent.trimEnd() : option.textContent;
    input.setRangeText(word, from, to, 'end');
    input.focus();
    if (/[.\s']$/.test(word)) offer(input); else close(input);
  };
  const move = (input, step) => {
    const all = $$('li', list(input));
    const at = all.findIndex((o) => o.getAttribute('aria-selected') === 'true');
    const next = all[(at + step + all.length) % all.length] ?? all[0];
    all.forEach((o) => o.setAttribute('aria-selected', String(o === next)));
    input.setAttribute('aria-activedescendant', next.id);
    next.scrollIntoView({ block: 'nearest' });
  };
  document.addEventListener('input', (event) => { if (event.target.matches('[data-complete]')) offer(event.target); });
  // The options go once the reader has left. A refresh of the page also takes the field away, and gives it back: then
  // somebody may be typing again by now, into the field that replaced the one that was left.
  document.addEventListener('focusout', (event) => {
    const left = event.target;
    if (left.matches?.('[data-complete]')) setTimeout(() => { if (left.isConnected && document.activeElement !== left) close(left); }, 150);
  });
  document.addEventListener('pointerdown', (event) => {
    const option = event.target.closest?.('#filter-complete li');
    if (option) { event.preventDefault(); take($('[data-complete]'), option); }
  });
  document.addEventListener('keydown', (event) => {
    const input = event.target;
    if (!input.matches?.('[data-complete]')) return;
    const box = list(input);
    const active = $('[aria-selected="true"]', box);
    if (event.key === ' ' && event.ctrlKey) { event.preventDefault(); offer(input); return; }
    if (box.hidden) return;
    if (event.key === 'ArrowDown' || event.key === 'ArrowUp') { event.preventDefault(); move(input, event.key === 'ArrowDown' ? 1 : -1); }
    if ((event.key === 'Enter' || event.key === 'Tab') && active) { event.preventDefault(); take(input, active); }
    if (event.key === 'Escape') { event.preventDefault(); close(input); }
  });

  // ---- The drawer: a page shown beside this one ----
  const show = async (link) => {
    const drawer = $('#drawer');
    const answer = await fetch(link.search !== undefined && location.search && link.dataset.drawer !== undefined ? `${link.pathname}${location.search}` : link.href, { headers: { 'HX-Request': 'true', 'HX-Target': 'drawer' } });
    if (!answer.ok) { location.assign(link.href); return; }
    drawer.innerHTML = await answer.text();
    drawer.showModal();
    $('#picker-q', drawer)?.focus();
  };
  document.addEventListener('click', (event) => {
    const link = event.target.closest?.('a[data-drawer]');
    if (!link || event.ctrlKey || event.metaKey || event.shiftKey || !$('#drawer')) return;
    event.preventDefault();
    show(link);
  });
  let searching = 0;
  document.addEventListener('input', async (event) => {
    const input = event.target;
    if (!input.matches('[data-search]')) return;
    const mine = searching += 1;
    await new Promise((resolve) => { setTimeout(resolve, 120); });
    if (mine !== searching) return;
    const form = input.form;
    const answer = await fetch(`${input.dataset.search}?${new URLSearchParams(new FormData(form))}`, { headers: { 'HX-Request': 'true', 'HX-Target': 'drawer' } });
    if (!answer.ok || mine !== searching) return;
    const page = new DOMParser().parseFromString(await answer.text(), 'text/html');
    for (const id of ['picked', 'picker-found']) $(`#${id}`, form).replaceWith($(`#${id}`, page));
  });

  document.addEventListener('htmx:afterSettle', () => { join(); paint(); queries(); });
  document.addEventListener('slipway:refreshed', paint);
  addEventListener('pageshow', () => { paint(); queries(); $$(ticking).forEach(showTicks); });
  join();
  paint();
})();
