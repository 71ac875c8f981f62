// The first journeys of the product, each by mouse, on a narrow dark screen in Italian, by keyboard alone, and under a base path.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { after, before, test } from 'node:test';
import { frame, launch, narrow, open, wide } from './lib/browser.js';
import { drawn } from './lib/chart.js';
import { client, inTurns } from './lib/seed.js';
import { startServer } from './lib/server.js';
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
