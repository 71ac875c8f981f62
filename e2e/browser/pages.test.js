// Every page, in both themes, both languages and two widths.
import assert from 'node:assert/strict';
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { axe, frame, launch, narrow, open, settled, shot, wide } from './lib/browser.js';
import { client, team } from './lib/seed.js';
import { startServer } from './lib/server.js';
import { addUser, basic, createFirst, signIn } from './lib/sign.js';

let server, browser, world;
const people = {}; // signed-in state by name, 'nobody' for none

before(async () => { [server, browser] = await Promise.all([startServer(), launch()]); });
after(async () => { await browser?.close(); await server?.stop(); });

const tabs = {};
const tabOf = (who, lang) => tabs[`${who} ${lang}`] ??= open(browser, { lang, signedInAs: people[who] });

// look checks one page: in English in both themes and widths, in Italian in one of each.
async function look(name, path, { who = 'ada', status = 200, act, ready } = {}) {
  await Promise.all(['en', 'it'].map(async (lang) => {
    const tab = await tabOf(who, lang);
    const { page } = tab;
    await page.setViewportSize(wide);
    await page.emulateMedia({ colorScheme: 'light' });
    if (status >= 400) tab.expect(status); else tab.expect();
    const answer = await page.goto(server.url + path);
    assert.equal(answer.status(), status, `${name}: status`);
    if (act) await act(page);
    if (ready) await page.waitForSelector(ready);
    await settled(page);
    const views = lang === 'en' ? [['light', wide, 'all'], ['dark', wide, 'colour'], ['light', narrow, '']] : [['dark', narrow, 'all'], ['light', wide, '']];
    for (const [colorScheme, size, rules] of views) {
      await page.emulateMedia({ colorScheme });
      await page.setViewportSize(size);
      await settled(page);
      const where = `${name}-${colorScheme}-${size.width}-${lang}`;
      await frame(page, lang, where);
      if (!rules) continue;
      await shot(page, where);
      await axe(page, where, rules);
    }
    tab.clean(`${name} ${lang}`);
  }));
}

test('before there is anything', async (t) => {
  await t.test('first use', () => look('experiments-first', '/experiments', { who: 'nobody', ready: 'pre.code' }));
  await t.test('set-up', () => look('setup', '/setup', { who: 'nobody' }));
  await t.test('account in local mode', () => look('account-local', '/account', { who: 'nobody' }));
});

test('with data', async (t) => {
  const first = await open(browser);
  await createFirst(first.page, server.url);
  await addUser(first.context, server.url, 'vic', 'viewer');
  await addUser(first.context, server.url, 'edith.with-a-rather-long-name@example.org', 'editor');
  await first.page.goto(`${server.url}/experiments`); // takes the flash away
  people.ada = await first.context.storageState();
  await first.close();
  for (const key of Object.keys(tabs)) { await (await tabs[key]).close(); delete tabs[key]; }
  const api = client(server.url, basic('ada'));
  world = await team(api);
  const visitor = await open(browser);
  await signIn(visitor.page, server.url, 'vic');
  await visitor.page.waitForURL('**/');
  people.vic = await visitor.context.storageState();
  await visitor.close();
  const { fraud, long, nested, model, empty, longName } = world;
  const small = await api.experiment('night-traffic');
  for (const name of ['first', 'second', 'third']) await api.run(small, name, { params: { depth: name.length }, metrics: [{ key: 'val_auc', value: 0.9, step: 0, timestamp: Date.now() }] });
  const run = `/runs/${long.id}`;
  const file = (path) => `${run}?${new URLSearchParams({ tab: 'artifacts', path })}`;
  const q = (o) => new URLSearchParams(o);

  await t.test('experiments', () => look('experiments', '/experiments', { ready: 'table tbody tr' }));
  await t.test('experiments, deleted', () => look('experiments-deleted', '/experiments?view=deleted', { ready: 'text=old-attempts' }));
  await t.test('experiments, none match', () => look('experiments-none', '/experiments?q=nothing-like-it', { ready: '.empty' }));
  await t.test('experiments, bad filter', () => look('experiments-bad', `/experiments?${q({ q: "name LIKE LIKE 'x'" })}`, { status: 400, ready: '.caret mark' }));
  await t.test('experiments, new', () => look('experiments-new', '/experiments', { act: (page) => page.click('button[commandfor=create]'), ready: 'dialog#create[open]' }));
  await t.test('runs', () => look('runs', `/experiments/${fraud}`, { ready: 'table tbody tr' }));
  await t.test('runs, sorted', () => look('runs-sorted', `/experiments/${fraud}?${q({ filter: 'metrics.val_auc > 0.92', order: 'metrics.val_auc DESC' })}`, { ready: 'th[aria-sort=descending]' }));
  await t.test('runs, filtered', () => look('runs-filtered', `/experiments/${fraud}?${q({ filter: "metrics.val_auc > 0.9 and params.max_depth = '8'" })}`, { ready: 'table tbody tr' }));
  await t.test('runs, bad filter', () => look('runs-bad', `/experiments/${small}?${q({ filter: 'metrics.val_auc >> 0.9' })}`, { status: 400, ready: '.caret mark' }));
  await t.test('runs, none match', () => look('runs-none', `/experiments/${fraud}?${q({ filter: "attributes.run_name = 'nobody'" })}`, { ready: '.empty' }));
  await t.test('runs, none yet', () => look('runs-first', `/experiments/${empty}`, { ready: 'pre.code' }));
  await t.test('runs, long name', () => look('runs-long-name', `/experiments/${longName}`, { ready: 'pre.code' }));
  await t.test('runs of a viewer', () => look('runs-viewer', `/experiments/${small}`, { who: 'vic', ready: 'table tbody tr' }));
  await t.test('run', () => look('run', run, { ready: 'canvas' }));
  await t.test('run, menu', () => look('run-menu', run, { act: (page) => page.click('button[popovertarget=run-menu]'), ready: '#run-menu:popover-open' }));
  await t.test('run, name', () => look('run-name', `${run}?edit=name`, { ready: '#run-name' }));
  await t.test('run, notes', () => look('run-notes', `${run}?tab=notes`, { ready: '.prose' }));
  await t.test('run, note', () => look('run-note', `${run}?tab=notes&edit=note`, { act: (page) => page.click('button[formaction]'), ready: '#note-preview .prose' }));
  await t.test('run, lineage', () => look('run-lineage', `${run}?tab=lineage`, { ready: '#children' }));
  await t.test('run, nested', () => look('run-nested', `/runs/${nested.id}`));
  await t.test('run, charts', () => look('run-charts', `${run}?tab=charts`, { ready: 'canvas' }));
  await t.test('run, chart as table', () => look('run-chart-table', `${run}?tab=charts`, { act: (page) => page.click('[data-chart-rows]'), ready: '.chart__data:not([hidden])' }));
  await t.test('run, parameters', () => look('run-parameters', `${run}?tab=parameters`));
  await t.test('run, parameters, none found', () => look('run-parameters-none', `${run}?tab=parameters&q=nothing-like-it`));
  await t.test('run, differences', () => look('run-differences', `/runs/${nested.id}?tab=parameters&with=${long.id}`, { ready: '.diff' }));
  await t.test('run, tag', () => look('run-tag', `${run}?tab=parameters&edit=tag:team`, { ready: '#tag-edit' }));
  await t.test('run, no such file', () => look('run-artifact-missing', file('no-such-file'), { status: 404, ready: '.tree' }));
  await t.test('run, artifacts', () => look('run-artifacts', `${run}?tab=artifacts`, { ready: '.tree a' }));
  for (const [kind, path, ready] of [['text', 'report.txt', '.prewrap'], ['markdown', 'notes.md', '.prose h3'], ['json', 'config.json', 'pre.code'], ['code', 'train.py', 'pre.code'], ['csv', 'table.csv', '.tbl'], ['png', 'roc.png', '.preview img'],
    ['html', 'report.html', 'iframe'], ['svg', 'drawing.svg', '.preview img'], ['folder', 'folder', '#folder-title'], ['binary', 'weights.bin', '.empty'], ['unicode', 'folder/deep/übersicht 2026 (final).txt', '.prewrap']]) {
    await t.test(`run, artifact ${kind}`, () => look(`run-artifact-${kind}`, file(path), { ready }));
  }
  await t.test('run, models', () => look('run-models', `${run}?tab=models`));
  await t.test('logged model', () => look('model', `/logged-models/${model.id}`));
  await t.test('account', () => look('account', '/account'));
  await t.test('account, new token', () => look('account-token', '/account', {
    act: async (page) => { await page.fill('#token-name', 'nightly pipeline'); await page.click('form[action$="/tokens"] button'); }, ready: '#new-token',
  }));
  await t.test('users', () => look('users', '/users'));
  await t.test('users, menu', () => look('users-menu', '/users', { act: (page) => page.click('.act button[popovertarget]'), ready: '.pop:popover-open' }));
  await t.test('jobs', () => look('jobs', '/jobs', { ready: 'tbody tr' }));
  await t.test('jobs, none failed', () => look('jobs-none', '/jobs?state=failed', { ready: '.empty' }));
  await t.test('sign-in', () => look('sign-in', '/sign-in', { who: 'nobody' }));
  await t.test('not found, no such page', () => look('error-404', '/no/such/page', { status: 404 }));
  await t.test('not found, no such run', () => look('error-404-run', '/runs/0123456789abcdef0123456789abcdef', { status: 404 }));
  await t.test('forbidden', () => look('error-403', '/users', { status: 403, who: 'vic' }));
  await t.test('bad request', () => look('error-400', file('../../secret'), { status: 400 }));
  await t.test('keyboard help', () => look('keys', '/experiments', { act: (page) => page.keyboard.press('?'), ready: 'dialog#shortcuts[open]' }));
  await t.test('user menu', () => look('user-menu', '/experiments', { act: (page) => page.click('button[popovertarget=user-menu]'), ready: '#user-menu:popover-open' }));
  await t.test('a file that is gone from the disk', async () => {
    await rm(join(server.data, 'artifacts'), { recursive: true, force: true });
    await look('run-artifact-gone', file('report.txt'), { ready: '.banner--danger' });
    await look('error-500', `/logged-models/${model.id}/file?path=MLmodel`, { status: 500 });
  });
});
