// The first journeys of the product, each by mouse, on a narrow dark screen in Italian, by keyboard alone, and under a base path.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { axe, frame, launch, narrow, open, wide } from './lib/browser.js';
import { drawn } from './lib/chart.js';
import { client, inTurns } from './lib/seed.js';
import { startServer, until } from './lib/server.js';
import { addUser, basic, createFirst, signIn } from './lib/sign.js';
import { words } from './lib/words.js';

let browser;
before(async () => { browser = await launch(); });
after(async () => { await browser?.close(); });

const ways = [
  { name: 'by mouse' },
  { name: 'narrow, dark, in Italian', lang: 'it', viewport: narrow, colorScheme: 'dark' },
  { name: 'by keyboard alone', keys: true },
  { name: 'under a base path', prefix: '/ml' },
];
const pageSize = 40;
const count = 46; // two pages of the table

// reader is somebody who uses the page in one of the ways. press counts what product.md counts as a click.
async function reader({ lang = 'en', viewport = wide, colorScheme = 'light', keys = false, ...options } = {}) {
  const tab = await open(browser, { lang, viewport, colorScheme, ...options });
  const { page } = tab;
  let clicks = 0;
  // reach brings the focus to a control as somebody without a mouse does, forth or back.
  const reach = async (control) => {
    await control.waitFor();
    const way = () => control.evaluate((e) => {
      const from = document.activeElement;
      if (e === from) return '';
      return from !== document.body && from.compareDocumentPosition(e) & Node.DOCUMENT_POSITION_PRECEDING ? 'Shift+Tab' : 'Tab';
    });
    let key = await way();
    for (let i = 0; key; i++) {
      assert.ok(i < 300, `no Tab leads to ${control}`);
      await page.keyboard.press(key);
      key = await way();
    }
  };
  const press = async (control, key = 'Enter') => {
    clicks += 1;
    if (!keys) { await control.click(); return; }
    await reach(control);
    await page.keyboard.press(key);
  };
  return {
    ...tab, keys, press, reach, t: words(lang), clicks: () => clicks, start: () => { clicks = 0; },
    mark: () => page.evaluate(() => { window.marker = 'the same page'; }),
    same: async (why) => assert.equal(await page.evaluate(() => window.marker), 'the same page', why),
    type: async (input, text) => {
      if (keys) await reach(input); else await input.click();
      await page.keyboard.press('ControlOrMeta+a');
      await page.keyboard.type(text);
      await page.keyboard.press('Enter');
    },
  };
}

const auc = (i) => 0.8 + ((i * 17) % count) / 1000; // each value once
const curve = (key, n, from = 0) => Array.from({ length: n }, (_, k) => ({ key, step: from + k, timestamp: Date.now(), value: 2 * Math.exp(-(from + k) / 60) }));

// work is what the later journeys look at: more runs than a page has, and one at work.
async function work(api) {
  const experiment = await api.experiment('tuning');
  const now = Date.now();
  const runs = await inTurns(Array.from({ length: count }), (_, i) => api.run(experiment, `run-${String(i).padStart(2, '0')}`, {
    start: now - (count - i) * 60_000, params: { learning_rate: [0.01, 0.03, 0.1][i % 3], max_depth: 4 + (i % 5), seed: 7 },
    metrics: [{ key: 'val_auc', value: auc(i), step: 0, timestamp: now }, ...curve('loss', 30)],
  }));
  const training = await api.run(experiment, 'training', { start: now, status: 'RUNNING', metrics: [...curve('loss', 50), ...['a', 'b', 'c', 'd', 'e', 'f'].flatMap((k) => curve(`other_${k}`, 5))] });
  return { experiment, runs, training, best: `run-${String(runs.findIndex((_, i) => auc(i) === Math.max(...runs.map((__, k) => auc(k))))).padStart(2, '0')}` };
}

const names = (page) => page.locator('#selection tbody th a[href*="/runs/"]').allInnerTexts().then((all) => all.map((n) => n.trim())); // without the mark of the best
const head = (page, name) => page.locator('#selection thead th', { hasText: name }).getByRole('link');
const entry = (page, name) => page.locator('section[aria-labelledby=recent-experiments]').getByRole('link', { name });

async function firstStart(server, api, way) {
  const it = await reader(way);
  const { page, t, press } = it;
  await it.context.grantPermissions(['clipboard-read', 'clipboard-write']);
  await page.goto(`${server.url}/`);
  assert.equal(await page.locator('h1').innerText(), t('home.first_title'));
  assert.ok(await page.locator(`a[href="${server.prefix}/setup"]`).first().isVisible(), 'the first account is offered');
  await press(page.locator('#step-log ~ button'));
  await page.waitForFunction(() => document.querySelector('#live').textContent !== '');
  const copied = await page.evaluate(() => navigator.clipboard.readText());
  assert.ok(copied.includes(`mlflow.set_tracking_uri("${server.url}")`), copied);
  await frame(page, way.lang ?? 'en', 'first steps');

  const first = await api.experiment('first-experiment');
  await page.goto(`${server.url}/experiments`);
  await press(page.getByRole('link', { name: 'first-experiment' }));
  await page.getByRole('heading', { name: t('runs.first_title') }).waitFor();
  await page.waitForURL(`${server.url}/experiments/${first}`);
  await api.run(first, 'the first', { status: 'RUNNING', metrics: [{ key: 'loss', value: 0.25, step: 0, timestamp: Date.now() }] });
  const row = page.locator('#selection tbody tr', { hasText: 'the first' });
  await row.getByText('0.25', { exact: way.lang !== 'it' }).or(row.getByText('0,25')).first().waitFor();
  await it.mark();
  await api.run(first, 'the second', { metrics: [{ key: 'loss', value: 0.125, step: 0, timestamp: Date.now() }] });
  await page.locator('#selection tbody tr', { hasText: 'the second' }).waitFor();
  await it.same('the second run comes into the table that is there');
  it.clean('first start');
  await it.close();
}

async function bestRun(server, { best }, way) {
  const it = await reader(way);
  const { page } = it;
  await page.goto(`${server.url}/`);
  it.start();
  await it.press(entry(page, 'tuning'));
  await head(page, 'val_auc').waitFor();
  const unsorted = await names(page);
  await it.press(head(page, 'val_auc'));
  await page.locator('th[aria-sort=descending]', { hasText: 'val_auc' }).waitFor();
  assert.equal(it.clicks(), 2, 'the best run is two clicks away');
  const sorted = await names(page);
  assert.equal(sorted[0], best);
  assert.notDeepEqual(sorted, unsorted);
  assert.equal(new URL(page.url()).searchParams.get('order'), 'metrics.val_auc DESC');
  const scripts = way.javaScriptEnabled !== false;
  if (scripts) await page.evaluate(() => { scrollTo(0, 150); document.querySelector('.tbl-wrap').scrollTop = 400; });
  const scroll = () => page.evaluate(() => [Math.round(scrollY), Math.round(document.querySelector('.tbl-wrap').scrollTop)]);
  const at = await scroll();
  const link = page.locator('#selection tbody').getByRole('link', { name: sorted[14] });
  if (it.keys) { await link.focus(); await page.keyboard.press('Enter'); } else await link.click();
  await page.waitForURL('**/runs/*');
  await page.locator('h1', { hasText: sorted[14] }).waitFor();
  await page.goBack();
  await page.locator('th[aria-sort=descending]', { hasText: 'val_auc' }).waitFor();
  assert.deepEqual(await names(page), sorted, 'back restores the order');
  if (scripts) {
    await page.waitForFunction(([, inner]) => Math.abs(document.querySelector('.tbl-wrap').scrollTop - inner) < 2, at).catch(async () => assert.deepEqual(await scroll(), at, 'back restores the scroll'));
    assert.deepEqual(await scroll(), at, 'back restores the scroll');
  }
  await page.goBack();
  await page.waitForFunction(() => document.querySelector('#selection') && !document.querySelector('th[aria-sort]'));
  assert.deepEqual(await names(page), unsorted, 'back once more, and the order is the first one');
  it.clean('best run');
  await it.close();
}

// compare ticks three runs, on two pages of the table if so asked, and hands the comparison to somebody else.
async function compare(server, { runs }, way, twoPages) {
  const it = await reader(way);
  const { page, t } = it;
  await it.context.grantPermissions(['clipboard-read', 'clipboard-write']);
  await page.goto(`${server.url}/`);
  it.start();
  await it.press(entry(page, 'tuning'));
  const tick = async (n) => {
    if (!it.keys) { await it.press(page.locator('#selection tbody').getByLabel(t('runs.select', `run-${n}`), { exact: true })); return; }
    const link = page.locator('#selection tbody').getByRole('link', { name: `run-${n}` });
    await link.waitFor();
    for (let i = 0; !await link.evaluate((e) => e === document.activeElement); i++) {
      assert.ok(i < pageSize, `j does not lead to run-${n}`);
      await page.keyboard.press('j');
    }
    await page.keyboard.press('x');
  };
  const chosen = twoPages ? ['45', '44', '01'] : ['45', '44', '43'];
  await tick(chosen[0]);
  await tick(chosen[1]);
  if (twoPages) {
    await page.getByRole('link', { name: t('pager.next') }).click();
    await page.waitForURL('**token=*');
    await page.locator('#selection tbody').getByRole('link', { name: 'run-01' }).waitFor();
    await page.locator('[data-count]', { hasText: '2' }).waitFor();
  }
  await tick(chosen[2]);
  await page.locator('[data-count]', { hasText: '3' }).waitFor();
  if (it.keys) await page.keyboard.press('c'); else await it.press(page.locator('[data-compare]'));
  await page.waitForURL('**/compare?*');
  if (!twoPages) assert.ok(it.clicks() <= 5, `${it.clicks()} clicks`);
  assert.deepEqual(new URL(page.url()).searchParams.getAll('run').sort(), chosen.map((n) => runs[Number(n)].id).sort());
  const sections = await page.locator('.tbl--diff th[scope=rowgroup]').allTextContents();
  assert.equal(sections[0], t('compare.section.params'));
  assert.ok((await page.locator('#params th[scope=row]').allTextContents()).every((k) => ['learning_rate', 'max_depth'].includes(k)), 'the seed does not differ');
  const show = (p) => p.locator('#views').evaluate((e) => e.scrollIntoView());
  await show(page);
  await drawn(page, 'loss', (d) => d.lines.length === 3);
  const smoothing = page.getByLabel(t('chart.smoothing'));
  if (it.keys) { await it.reach(smoothing); for (let i = 0; i < 12; i++) await page.keyboard.press('ArrowRight'); } else await smoothing.fill('0.6');
  await it.press(page.getByLabel(t('chart.log')), 'Space');
  const seen = await drawn(page, 'loss', (d) => d.axis === 'log' && d.lines.length === 6);
  await frame(page, way.lang ?? 'en', 'the comparison');
  await it.press(page.getByRole('button', { name: t('compare.copy') }));
  await page.waitForFunction(() => document.querySelector('.is-done'));
  const link = await page.evaluate(() => navigator.clipboard.readText());
  it.clean('compare');
  await it.close();

  const other = await reader(way);
  await other.page.goto(link);
  await show(other.page);
  assert.deepEqual(await drawn(other.page, 'loss', (d) => d.lines.length === 6), seen, 'somebody else sees the same');
  assert.equal(await other.page.getByLabel(t('chart.log')).isChecked(), true);
  assert.equal(await other.page.getByLabel(t('chart.smoothing')).inputValue(), '0.6');
  other.clean('the link');
  await other.close();
}

// watch looks at a run at work on one server while points come in at another, which may be the same.
async function watch(server, api, { training }, way) {
  const it = await reader(way);
  const { page, t } = it;
  await page.goto(`${server.url}/runs/${training.id}`);
  await it.press(page.locator('.tabs').getByRole('link', { name: new RegExp(`^${t('run.tab.charts')}`) }));
  await page.waitForURL('**tab=charts*');
  const begun = await drawn(page, 'loss', (d) => d.lines.length === 1);
  const last = begun.lines[0].last[0];
  await it.type(page.getByLabel(t('chart.from'), { exact: true }), '10');
  await drawn(page, 'loss', (d) => d.min === 10);
  await page.evaluate(() => scrollTo(0, 120));
  const at = await page.evaluate(() => scrollY);
  await it.mark();
  for (let k = 0; k < 4; k++) await api.post('runs/log-batch', { run_id: training.id, metrics: curve('loss', 50, last + 1 + 50 * k) });
  const came = Date.now();
  const now = await drawn(page, 'loss', (d) => d.lines[0].last[0] === last + 200, 5);
  const took = Date.now() - came;
  assert.ok(took <= 2000, `the last point was on the chart after ${took} ms`);
  assert.equal(now.min, 10, 'the zoom stays');
  await it.same('no page was loaded');
  assert.equal(await page.evaluate(() => scrollY), at, 'the page stays where it was');
  const url = new URL(page.url());
  assert.deepEqual([url.searchParams.get('tab'), url.searchParams.get('from')], ['charts', '10']);
  assert.match(await page.locator('.tabs [aria-current]').innerText(), new RegExp(`^${t('run.tab.charts')}`));
  await frame(page, way.lang ?? 'en', 'a run at work');
  it.clean('watch training');
  await it.close();
}

// released is a version that went live by a request that somebody else approved, and vic, who only reads.
async function released(server) {
  const tab = await open(browser);
  await createFirst(tab.page, server.url);
  for (const [name, role] of [['noor', 'editor'], ['iris', 'reviewer'], ['vic', 'viewer']]) await addUser(tab.context, server.url, name, role);
  const policy = { gates: [{ id: 'auc', kind: 'metric', metric: 'val_auc', op: '>=', limit: 0.9 }], rules: [{ count: 1, from: { roles: ['reviewer'] } }] };
  for (const [path, form] of [['edit', { as: 'json', on: '1', policy: JSON.stringify(policy) }], ['protect', {}]]) {
    assert.equal((await tab.context.request.post(`${server.url}/environments/production/${path}`, { form, maxRedirects: 0 })).status(), 303, path);
  }
  await tab.close();
  const api = client(server.url, basic('noor'));
  const experiment = await api.experiment('evidence');
  const run = await api.run(experiment, 'xgb-7', {
    params: { depth: 6 }, metrics: [{ key: 'val_auc', value: 0.94, step: 0, timestamp: Date.now() }],
    tags: { 'mlflow.source.name': 'train.py', 'mlflow.source.git.commit': '9f3c1ab0123456789abcdef0123456789abcdef0', 'mlflow.source.git.repoURL': 'https://git.example.org/risk/fraud.git' },
  });
  await api.post('runs/log-inputs', { run_id: run.id, datasets: [{ tags: [{ key: 'mlflow.data.context', value: 'train' }], dataset: { name: 'transactions-oct', digest: '00cf16ce', source_type: 'local', source: '{"uri": "oct.parquet"}' } }] });
  const model = await api.model(experiment, 'clf', run.id);
  await api.file(model, 'MLmodel', 'flavors:\n  python_function: {loader_module: mlflow.sklearn}\n');
  await api.ready(model.id);
  await api.post('registered-models/create', { name: 'fraud-scorer' });
  await api.post('model-versions/create', { name: 'fraud-scorer', source: `models:/${model.id}`, run_id: run.id });
  const ask = async (who, path, body) => {
    const answer = await fetch(`${server.url}/api/v1/promotions${path}`, { method: body ? 'POST' : 'GET', headers: { authorization: basic(who), 'content-type': 'application/json' }, body: body && JSON.stringify(body) });
    assert.ok(answer.ok, `${who} ${path}: ${answer.status}`);
    return answer.json();
  };
  await ask('noor', '', { model: 'fraud-scorer', version: 1, environment: 'production', reason: 'Fewer false alarms', submit: true });
  const { binding } = await until(async () => { const p = await ask('noor', '/1'); return p.state === 'in_review' && p; }, 'the request is in review');
  await ask('iris', '/1/reviews', { decision: 'approve', comment: 'The numbers hold', binding });
  await ask('noor', '/1/execute', {});
}

const writes = readFileSync(join(import.meta.dirname, '../../docs/permissions.md'), 'utf8').split('\n').map((l) => l.split('|').map((c) => c.trim()))
  .filter(([, method, path, , cls]) => path?.startsWith('`/') && method !== 'GET' && !['public', 'self', 'read'].includes(cls))
  .map(([, method, path, perm]) => ({ method, perm, path: path.replaceAll('`', '').replace(/:(\w+)|\*/g, (_, name) => ({ name: 'fraud-scorer', version: '1', number: '1' })[name] ?? '1') }));

// evidence is what somebody who may only read follows: from a version to all it came from, who approved it, what the audit
// log says, and whether that is whole.
async function evidence(server, way) {
  const it = await reader(way);
  const { page, t, press } = it;
  await signIn(page, server.url, 'vic');
  await page.waitForURL(`${server.url}/`);
  const arrived = async (where, ready) => {
    await ready.first().waitFor();
    await frame(page, way.lang ?? 'en', where);
    await axe(page, where);
    const offered = await page.locator('main form[method=post], main [hx-post], main [hx-delete], main dialog form, main a[href$="/edit"], main a[href*="/new"]').evaluateAll((all) => all.map((e) => e.outerHTML.slice(0, 120)));
    assert.deepEqual(offered, [], `${where} offers to change something`);
  };
  const nav = async (key) => {
    if (way.viewport === narrow) await press(page.getByRole('button', { name: t('shell.menu') }));
    await press(page.locator('#side').getByRole('link', { name: t(key), exact: true }));
  };
  await nav('nav.registry');
  await arrived('the registry', page.getByRole('heading', { level: 1, name: t('nav.registry') }));
  await press(page.locator('main').getByRole('link', { name: 'fraud-scorer' }).first());
  await arrived('the model', page.locator('#live-title'));
  await press(page.locator('tbody').getByRole('link', { name: /v1$/ }).first());
  await arrived('the version', page.locator('.lin'));
  const steps = await page.locator('.lin li b').allInnerTexts();
  assert.deepEqual(steps, ['transactions-oct', '9f3c1ab0', 'xgb-7', 'clf', 'fraud-scorer v1', 'production']);
  const asked = page.locator('section[aria-labelledby=promotions-title] tbody tr');
  assert.match(await asked.innerText(), /PR-1[^]*noor[^]*iris/);
  await press(page.locator('.lin').getByRole('link', { name: 'xgb-7' }));
  await arrived('the run', page.locator('h1', { hasText: 'xgb-7' }));
  await page.goBack();
  await press(page.locator('.lin').getByRole('link', { name: 'production' }));
  await page.waitForURL('**/promotions/1');
  await arrived('the request', page.locator('.gate'));
  await page.locator('.rev', { hasText: 'iris' }).getByText(t('promotions.said.approve'), { exact: true }).waitFor();
  await nav('nav.audit');
  await arrived('the audit log', page.locator('#audit-lines'));
  await it.type(page.getByLabel(t('audit.object'), { exact: true }), 'fraud-scorer');
  await page.waitForURL('**object=fraud-scorer**');
  await arrived('what the audit log says of the model', page.locator('#audit-lines tbody tr'));
  const said = await page.locator('#audit-lines tbody').innerText();
  for (const perm of ['model.write', 'promotion.propose', 'promotion.review', 'promotion.execute']) assert.ok(said.includes(t(`audit.action.${perm}`)), `${perm} is told:\n${said}`);
  await press(page.getByRole('link', { name: t('audit.verify') }));
  await arrived('the verification', page.locator('.banner--ok'));
  it.clean('evidence');
  for (const { method, path, perm } of writes) {
    const answer = await it.context.request.fetch(server.url + path, { method, form: path.startsWith('/api/') || path.startsWith('/ajax-api/') ? undefined : { x: '1' }, maxRedirects: 0 });
    assert.equal(answer.status(), 403, `${method} ${path}`);
    assert.ok((await answer.text()).includes(perm), `${method} ${path} is refused for want of ${perm}`);
  }
  assert.ok(writes.length > 100, `${writes.length} writes`);
  await it.close();
}

for (const way of ways) {
  test(way.name, async (t) => {
    const server = await startServer({ prefix: way.prefix });
    try {
      const api = client(server.url);
      await t.test('first start', () => firstStart(server, api, way));
      const seen = await work(api);
      await t.test('best run', () => bestRun(server, seen, way));
      if (!way.keys && !way.lang) await t.test('best run without JavaScript', () => bestRun(server, seen, { ...way, javaScriptEnabled: false }));
      await t.test('compare', () => compare(server, seen, way, way.lang === 'it' || way.prefix !== undefined));
      await t.test('watch training', () => watch(server, api, seen, way));
      await t.test('evidence', async () => {
        await released(server);
        await evidence(server, way);
      });
    } finally {
      await server.stop();
    }
  });
}

// The page is open on one process, the points go to the other; both keep their records in one database.
test('watch training with two servers on one PostgreSQL', { skip: !process.env.SLIPWAY_TEST_POSTGRES && 'SLIPWAY_TEST_POSTGRES is not set' }, async () => {
  const given = process.env.SLIPWAY_TEST_POSTGRES;
  const schema = `t_journeys_${process.pid}`;
  const sql = (text) => execFileSync('psql', [given, '--quiet', '--set=ON_ERROR_STOP=1', '--command', text], { stdio: 'pipe' });
  sql(`CREATE SCHEMA ${schema}`);
  const servers = [];
  try {
    const db = new URL(given);
    db.searchParams.set('search_path', schema);
    for (let i = 0; i < 2; i++) servers.push(await startServer({ flags: ['--db', db.href] }));
    const [a, b] = servers;
    const there = client(b.url);
    const experiment = await there.experiment('shared');
    const training = await there.run(experiment, 'training', { status: 'RUNNING', metrics: [...curve('loss', 50), ...['a', 'b', 'c', 'd', 'e', 'f'].flatMap((k) => curve(`other_${k}`, 5))] });
    await watch(a, there, { training }, {});
  } finally {
    await Promise.all(servers.map((s) => s.stop()));
    sql(`DROP SCHEMA ${schema} CASCADE`);
  }
});
