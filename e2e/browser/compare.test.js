// The charts of a run and the comparison of runs, in a real browser: what is drawn, what stays, what a link carries.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { runInNewContext } from 'node:vm';
import { axe, frame, launch, narrow, open, settled, shot, wide } from './lib/browser.js';
import { drawing, drawn } from './lib/chart.js';
import { client, png } from './lib/seed.js';
import { startServer, until } from './lib/server.js';

let server;
let browser;
let api;
let runs;
let experiment;
const start = Date.now() - 3_600_000;
const curve = (key, n, value) => Array.from({ length: n }, (_, step) => ({ key, step, timestamp: start + step * 1000, value: value(step) }));
const hostile = '<img src=x onerror=alert(1)>';

before(async () => {
  server = await startServer();
  browser = await launch();
  api = client(server.url);
  experiment = await api.experiment('tuning');
  runs = [];
  for (let i = 0; i < 6; i++) {
    const run = await api.run(experiment, ['xgb-deep', 'xgb-wide', hostile][i] ?? `run-${i}`, {
      start, end: start + 600_000, status: i === 5 ? 'RUNNING' : 'FINISHED',
      params: { learning_rate: [0.03, 0.05, 0.1][i % 3], model: ['xgboost', 'lightgbm'][i % 2], seed: 7, ...(i ? { depth: 4 + i } : {}) },
      tags: { team: ['risk', 'growth'][i % 2] },
      metrics: [...curve('loss', 300, (k) => 0.2 + i / 50 + Math.exp(-k / 60) + 0.01 * Math.sin(k * 7)), ...curve('val_auc', 300, (k) => 0.9 - i / 100 - 0.3 * Math.exp(-k / 50)),
        ...curve('balance', 20, (k) => k - 10), { key: 'size_mb', step: 0, timestamp: start, value: 10 + i * i }, ...curve('system/cpu', 30, (k) => 50 + k)],
    });
    if (i < 2) await api.file(run, 'plots/confusion.png', png(200, 120));
    runs.push(run.id);
  }
});
after(async () => { await browser?.close(); await server?.stop(); });

const address = (ids, extra = '') => `${server.url}/compare?${ids.map((id) => `run=${id}`).join('&')}${extra}`;
const views = (page) => page.locator('#views').scrollIntoViewIfNeeded().then(() => page.locator('#views').evaluate((e) => e.scrollIntoView()));

test('the moving average is the debiased one', () => {
  const source = readFileSync(join(import.meta.dirname, '../../static/js/app/chart.js'), 'utf8');
  const { smoothed, nearest } = runInNewContext(`${source}; slipwayChart`, {});
  const ys = (ps) => Array.from(ps, (p) => p[1]);
  const points = [1, 2, 4, null, 8].map((y, i) => [i, y]);
  assert.deepEqual(ys(smoothed(points, 0)), [1, 2, 4, null, 8], 'without a weight everything stays');
  // By hand, w = 0.5: 0.5/0.5, 1.25/0.75, 2.625/0.875, and after the gap 5.3125/0.9375
  const expected = [1, 5 / 3, 3, null, 17 / 3];
  ys(smoothed(points, 0.5)).forEach((y, i) => assert.ok(expected[i] === null ? y === null : Math.abs(y - expected[i]) < 1e-12, `value ${i} is ${y}`));
  assert.deepEqual(ys(smoothed([[0, 0.1], [1, 0.1], [2, 0.1]], 0.95)), [0.1, 0.1, 0.1], 'a constant stays');
  assert.deepEqual(ys(smoothed([], 0.9)), [], 'nothing stays nothing');
  assert.deepEqual(ys(smoothed([[0, null], [1, null]], 0.9)), [null, null], 'gaps stay gaps');
  assert.equal(ys(smoothed([[0, 5], [1, 7]], 0.9))[0], 5, 'the first value is not drawn to zero');
  assert.equal(nearest(points, 2.9)[0], 2, 'a gap is nobody\'s nearest point');
  assert.equal(nearest(points, 9)[0], 4);
  assert.equal(nearest([], 1), undefined);
});

test('compare three runs: differences first, log axis and smoothing, and the link shows the same to somebody else', async () => {
  const s = await open(browser);
  const { page } = s;
  await page.goto(address(runs.slice(0, 3)));
  assert.equal(await page.locator('h1').textContent(), 'Compare 3 runs');
  const sections = await page.locator('.tbl--diff th[scope=rowgroup]').allTextContents();
  assert.equal(sections[0], 'Parameters');
  const keys = await page.locator('#params th[scope=row]').allTextContents();
  assert.deepEqual(keys, ['depth', 'learning_rate', 'model'], 'only what differs, seed not');
  assert.equal(await page.locator('#params tr:nth-child(2) td').first().textContent(), '—', 'what a run lacks is a dash');
  await views(page);
  await drawn(page, 'loss', (d) => d.lines.length === 3 && d.axis === 'value');
  await page.getByLabel('Log scale').check();
  await drawn(page, 'loss', (d) => d.axis === 'log');
  await page.getByLabel('Smoothing').fill('0.6');
  const seen = await drawn(page, 'loss', (d) => d.lines.length === 6);
  assert.deepEqual(seen.lines.filter((l) => l.id.endsWith(':raw')).map((l) => l.opacity), [0.22, 0.22, 0.22], 'the raw curves stay as ghosts');
  assert.equal(await page.locator('[data-chart-controls] output').textContent(), '0.60');
  await page.context().grantPermissions(['clipboard-read', 'clipboard-write']);
  await page.getByRole('button', { name: 'Copy link' }).click();
  const link = await until(() => page.evaluate(() => navigator.clipboard.readText()), 'the link is copied');
  assert.match(link, /log=1/);
  assert.match(link, /smooth=0\.6/);
  s.clean('compare');
  await s.close();

  const other = await open(browser);
  await other.page.goto(link);
  await views(other.page);
  const same = await drawn(other.page, 'loss', (d) => d.lines.length === 6);
  assert.deepEqual(same, seen, 'a fresh session draws the same');
  other.clean('the link');
  await other.close();
});

test('the controls change every chart in place and keep the rest of the address', async () => {
  const s = await open(browser);
  const { page } = s;
  await page.goto(address(runs.slice(0, 4), '&all=1'));
  await views(page);
  const loss = await drawn(page, 'loss');
  const auc = await drawn(page, 'val_auc');
  assert.deepEqual(loss.lines.map((l) => [l.name, l.color]), auc.lines.map((l) => [l.name, l.color]), 'a run has one colour');
  await page.evaluate(() => { window.same = true; });
  await page.getByLabel('Time since start').check();
  await drawn(page, 'loss', (d) => d.max === 'dataMax' && d.lines[0].last[0] === 299);
  await page.getByLabel('From', { exact: true }).fill('100');
  await page.getByLabel('To', { exact: true }).fill('200');
  await page.getByLabel('To', { exact: true }).press('Enter');
  await drawn(page, 'val_auc', (d) => d.min === 100 && d.max === 200 && d.lines[0].n === 101);
  await page.getByLabel('Group by').selectOption('params.model');
  const grouped = await drawn(page, 'loss', (d) => d.bands === 2);
  assert.deepEqual(grouped.lines.map((l) => l.name).sort(), ['model = lightgbm (B, D)', 'model = xgboost (A, C)']);
  await page.getByLabel('Band').selectOption('range');
  const url = new URL(page.url());
  assert.deepEqual(Object.fromEntries(['x', 'from', 'to', 'group', 'band', 'all'].map((n) => [n, url.searchParams.get(n)])), { x: 'relative', from: '100', to: '200', group: 'params.model', band: 'range', all: '1' });
  assert.equal(url.searchParams.getAll('run').length, 4);
  assert.equal(await page.evaluate(() => window.same), true, 'nothing was loaded anew');
  await page.getByRole('link', { name: 'Scatter' }).click();
  await page.waitForURL(/view=scatter/);
  assert.match(page.url(), /x=relative.*group=params.model/, 'a link of the page keeps what the controls said');
  s.clean('controls');
  await s.close();
});

test('drag zooms all charts into the range fields, a double click goes back', async () => {
  const s = await open(browser);
  const { page } = s;
  await page.goto(address(runs.slice(0, 2)));
  await views(page);
  await drawn(page, 'loss');
  await drawn(page, 'val_auc');
  const box = await page.locator('.chart-card', { has: page.getByRole('heading', { name: 'loss' }) }).locator('.chart').boundingBox();
  await page.mouse.move(box.x + box.width * 0.4, box.y + 100);
  await page.mouse.down();
  await page.mouse.move(box.x + box.width * 0.5, box.y + 105, { steps: 3 });
  await page.mouse.move(box.x + box.width * 0.7, box.y + 105, { steps: 3 });
  await page.mouse.up();
  const zoomed = await drawn(page, 'val_auc', (d) => typeof d.min === 'number');
  assert.ok(zoomed.min > 60 && zoomed.max < 240, `from ${zoomed.min} to ${zoomed.max}`);
  assert.equal(await page.getByLabel('From', { exact: true }).inputValue(), String(zoomed.min));
  await page.mouse.dblclick(box.x + box.width * 0.5, box.y + 100);
  await drawn(page, 'val_auc', (d) => d.min === 'dataMin' && d.lines[0].n === 300);
  assert.doesNotMatch(page.url(), /from=/);
  s.clean('zoom');
  await s.close();
});

test('a range of time is by the clock of whoever reads it', async () => {
  const at = new Date(Math.floor(start / 1000) * 1000 + 100_000); // a whole second, between two points
  const clock = (zone, d = at) => new Intl.DateTimeFormat('sv', { timeZone: zone, dateStyle: 'short', timeStyle: 'medium' }).format(d).replace(' ', 'T').replace(/:00$/, '');
  const s = await open(browser, { timezoneId: 'Europe/Rome' });
  const { page } = s;
  const from = page.getByLabel('From', { exact: true });
  await page.goto(`${server.url}/runs/${runs[0]}?tab=charts&x=time`);
  await drawn(page, 'loss', (d) => d.x === 'time');
  await from.fill(clock('Europe/Rome'));
  await from.press('Enter');
  await drawn(page, 'loss', (d) => d.min === at.getTime());
  assert.equal(await from.inputValue(), clock('Europe/Rome'), 'what was typed stays');
  const link = page.url();
  assert.match(new URL(link).searchParams.get('from'), /^\d{4}-\d\d-\d\dT[\d:]+\+0[12]:00$/, 'an address has a zone');
  await page.reload();
  await drawn(page, 'loss', (d) => d.min === at.getTime());
  assert.equal(await from.inputValue(), clock('Europe/Rome'));
  const box = await page.locator('.chart-card', { has: page.getByRole('heading', { name: 'loss', exact: true }) }).locator('.chart').boundingBox();
  await page.mouse.move(box.x + box.width * 0.3, box.y + 60);
  await page.mouse.down();
  await page.mouse.move(box.x + box.width * 0.7, box.y + 60, { steps: 4 });
  await page.mouse.up();
  const zoomed = await drawn(page, 'val_auc', (d) => d.min > at.getTime());
  assert.equal(await from.inputValue(), clock('Europe/Rome', new Date(zoomed.min)), 'what was dragged is by the same clock');
  for (const size of [narrow, wide]) {
    await page.setViewportSize(size);
    await frame(page, 'en', `a range of time, ${size.width}`);
    await axe(page, `a range of time, ${size.width}`);
  }
  s.clean('range of time');
  await s.close();

  const other = await open(browser, { timezoneId: 'America/New_York' });
  await other.page.goto(link); // the server does not know yet where it is
  await drawn(other.page, 'loss', (d) => d.min === at.getTime());
  assert.equal(await other.page.getByLabel('From', { exact: true }).inputValue(), clock('America/New_York'), 'the same moment elsewhere');
  await other.page.getByRole('button', { name: /^User menu/ }).click();
  await other.page.getByRole('button', { name: 'UTC', exact: true }).click();
  await drawn(other.page, 'loss', (d) => d.min === at.getTime());
  assert.equal(await other.page.getByLabel('From', { exact: true }).inputValue(), clock('UTC'));
  await other.page.getByLabel('From', { exact: true }).fill(clock('UTC', new Date(at.getTime() + 5000)));
  await other.page.getByLabel('From', { exact: true }).press('Enter');
  await drawn(other.page, 'loss', (d) => d.min === at.getTime() + 5000);
  assert.equal(await other.page.evaluate(() => window.echarts.getInstanceByDom(document.querySelector('.chart > div')).getOption().useUTC), true);
  other.clean('elsewhere');
  await other.close();
});

test('new points come in place: zoom, hidden curves and the scroll stay', async () => {
  const s = await open(browser);
  const { page } = s;
  await page.goto(address([runs[4], runs[5]], '&from=250&x=step'));
  await views(page);
  const before = await drawn(page, 'loss', (d) => d.min === 250);
  await page.evaluate((name) => {
    const chart = window.echarts.getInstanceByDom(document.querySelector('.chart > div'));
    chart.dispatchAction({ type: 'legendUnSelect', name });
    window.kept = chart;
  }, before.lines[0].name);
  const top = await page.evaluate(() => scrollY);
  await api.post('runs/log-batch', { run_id: runs[5], metrics: [{ key: 'loss', step: 300, timestamp: start + 300_000, value: 0.5 }] });
  await page.evaluate(() => { for (let i = 0; i < 20; i++) document.dispatchEvent(new Event('slipway:changed')); });
  const then = await drawn(page, 'loss', (d) => d.lines.find((l) => l.id === runs[5]).last[0] === 300);
  assert.deepEqual(then.hidden, [before.lines[0].name], 'the hidden curve stays hidden');
  assert.equal(then.min, 250);
  assert.equal(await page.evaluate(() => scrollY), top);
  assert.equal(await page.evaluate(() => window.kept === window.echarts.getInstanceByDom(document.querySelector('.chart > div'))), true, 'it is the same chart');
  s.clean('live');
  await s.close();
});

test('charts are drawn one after the other, each once, when the page is painted', async () => {
  const s = await open(browser);
  const { page } = s;
  await page.addInitScript(() => { // notes in order what is drawn, and where the browser had its turn
    window.noted = [];
    const next = window.scheduler.yield.bind(window.scheduler);
    window.scheduler.yield = () => { window.noted.push('turn'); return next(); };
    document.addEventListener('load', ({ target }) => {
      if (!target.src?.includes('echarts')) return;
      window.noted.push(performance.getEntriesByName('first-contentful-paint').length ? 'painted' : 'blank');
      const { init } = window.echarts;
      window.echarts.init = (...given) => {
        const chart = init(...given);
        for (const act of ['setOption', 'resize']) {
          const as = chart[act].bind(chart);
          chart[act] = (...options) => { window.noted.push(act); as(...options); };
        }
        return chart;
      };
    }, true);
  });
  await page.goto(address(runs.slice(0, 3)));
  await views(page);
  await settled(page);
  const charts = await page.locator('.chart canvas').count();
  const noted = () => page.evaluate(() => window.noted.splice(0));
  const drawings = (all) => all.filter((w) => w !== 'turn');
  const first = await noted();
  assert.ok(charts >= 4, `${charts} charts`);
  assert.deepEqual(drawings(first), ['painted', ...Array.from({ length: charts + 2 }, () => 'setOption')], 'the first of a page in three steps');
  assert.doesNotMatch(first.join(' '), /setOption setOption/, 'two charts in one turn');
  await page.emulateMedia({ colorScheme: 'dark' });
  await page.waitForFunction((n) => window.noted.filter((w) => w === 'setOption').length === n, charts);
  assert.doesNotMatch((await noted()).join(' '), /setOption setOption/, 'all charts in the other theme at once');
  await page.setViewportSize(narrow);
  await until(async () => (await noted()).includes('resize'), 'a chart fits a narrow window');
  s.clean('one by one');
  await s.close();
});

test('a card shows its table, enlarges, and comes as a file', async () => {
  const s = await open(browser, { acceptDownloads: true });
  const { page } = s;
  await page.goto(`${server.url}/runs/${runs[0]}?tab=charts`);
  await drawn(page, 'loss');
  const card = page.locator('.chart-card', { has: page.getByRole('heading', { name: 'loss', exact: true }) });
  await card.getByRole('button', { name: /table/ }).click();
  await card.locator('.chart__data tbody tr').first().waitFor();
  assert.equal(await card.locator('.chart__data tbody tr').count(), 160);
  await axe(page, 'a table in a card');
  await card.getByRole('button', { name: /table/ }).press(' ');
  await card.locator('canvas').waitFor();
  const picture = page.waitForEvent('download');
  await card.getByRole('button', { name: /picture/ }).click();
  assert.equal((await picture).suggestedFilename(), 'loss.png');
  assert.deepEqual([...readFileSync(await (await picture).path()).subarray(0, 4)], [0x89, 0x50, 0x4e, 0x47]);
  const file = page.waitForEvent('download');
  await card.getByRole('link', { name: /CSV/ }).click();
  assert.match(readFileSync(await (await file).path(), 'utf8'), /^run_id,run_name,metric,step,time,value\n/);
  await card.getByRole('button', { name: /Enlarge/ }).click();
  await until(() => page.evaluate(() => document.fullscreenElement?.querySelector('canvas')?.clientHeight > 500), 'the chart fills the screen');
  await page.keyboard.press('Escape');
  await page.evaluate(() => document.fullscreenElement && document.exitFullscreen());
  s.clean('card');
  await s.close();
});

test('the charts of a run: groups, search, log without what is below zero, an error that can be tried again', async () => {
  const s = await open(browser);
  const { page } = s;
  await page.goto(`${server.url}/runs/${runs[0]}?tab=charts&log=1`);
  await drawn(page, 'balance', (d) => d.axis === 'log');
  const note = page.locator('.chart-card', { has: page.getByRole('heading', { name: 'balance' }) }).locator('[data-chart-sub]');
  assert.match(await note.textContent(), /below 0 are not shown/);
  assert.equal(await drawing(page, 'system/cpu'), undefined, 'what is closed is not fetched');
  await page.getByText('System metrics').click();
  await drawn(page, 'system/cpu');
  await page.getByLabel('Find a metric').fill('AUC');
  await page.getByLabel('Find a metric').press('Enter');
  await page.waitForURL(/q=AUC/);
  assert.match(page.url(), /log=1/);
  await drawn(page, 'val_auc', (d) => d.axis === 'log');
  assert.equal(await page.locator('.chart-card').count(), 1);
  s.clean('charts of a run');
  s.expect(500);
  await page.route('**/series?**', (route) => route.fulfill({ status: 500, body: 'broken' }), { times: 1 });
  await page.getByLabel('Step').check({ force: true });
  await page.getByLabel('Time', { exact: true }).check({ force: true });
  await page.getByRole('button', { name: 'Try again' }).click();
  await drawn(page, 'val_auc', (d) => d.x === 'time');
  await page.getByRole('button', { name: 'Try again' }).waitFor({ state: 'hidden' });
  await s.close();
});

test('scatter, parallel coordinates, boxes and pictures', async () => {
  const s = await open(browser);
  const { page } = s;
  await page.goto(address(runs, '&view=scatter&sx=params.learning_rate&sy=metrics.val_auc'));
  await views(page);
  await page.locator('.chart canvas').waitFor();
  assert.match(await page.locator('.plot__notes').textContent(), /r = .*n = 6/);
  await page.getByLabel('Horizontal').selectOption('params.model');
  await page.getByRole('button', { name: 'Draw' }).click();
  await page.waitForURL(/sx=params.model/);
  await page.goto(address(runs, '&view=parallel'));
  await views(page);
  await page.locator('.chart canvas').waitFor();
  await page.evaluate(() => {
    const chart = window.echarts.getInstanceByDom(document.querySelector('.chart > div'));
    const parallelAxisIndex = chart.getOption().parallelAxis.findIndex((a) => a.name === 'learning_rate');
    chart.dispatchAction({ type: 'axisAreaSelect', parallelAxisIndex, intervals: [[0.04, 0.06]] });
  });
  await until(async () => /^2 of 6 runs kept: B xgb-wide, E run-4$/.test(await page.locator('[data-chart-kept]').textContent()), 'the kept runs are named', 5)
    .catch(async (e) => { throw new Error(`${e.message}: ${await page.locator('[data-chart-kept]').textContent()}`); });
  await page.goto(address(runs, '&view=box&by=params.model'));
  await views(page);
  await page.locator('.chart canvas').waitFor();
  await page.getByRole('button', { name: /table/ }).click();
  assert.match(await page.locator('.chart__data').textContent(), /xgboost/);
  await page.goto(address(runs, '&view=images'));
  await until(() => page.evaluate(() => [...document.querySelectorAll('.imagerow img')].filter((i) => i.naturalWidth === 200).length === 2), 'the pictures are there');
  s.clean('views');
  await s.close();
});

test('ranges dragged along parallel axes are in the address, and come back from it', async () => {
  const s = await open(browser);
  const { page } = s;
  const kept = (text) => page.locator('[data-chart-kept]', { hasText: text }).waitFor();
  const said = () => new URL(page.url()).searchParams.getAll('range');
  const shown = () => page.evaluate(() => window.echarts.getInstanceByDom(document.querySelector('.chart > div')).getModel().findComponents({ mainType: 'parallelAxis' }).map((a) => a.activeIntervals.length));
  const axes = ['params.learning_rate', 'params.model', 'params.depth', 'metrics.val_auc'];
  const go = (more = '') => page.goto(address(runs, `&view=parallel&${axes.map((a) => `axis=${a}`).join('&')}${more}#views`));
  await go();
  await page.locator('.chart canvas').waitFor();
  const reset = page.getByRole('button', { name: 'Keep all again' });
  assert.equal(await reset.isVisible(), false);
  // drag moves the hand along an axis, from and to as parts of its height from its top.
  const drag = async (axis, from, to) => {
    const box = await page.locator('.chart').boundingBox();
    const x = box.x + 60 + ((box.width - 150) * axis) / (axes.length - 1);
    const y = (part) => box.y + 70 + (box.height - 100) * part;
    await page.mouse.move(x, y(from));
    await page.mouse.down();
    await page.mouse.move(x, y((from + to) / 2), { steps: 4 });
    await page.mouse.move(x, y(to), { steps: 4 });
    await page.mouse.up();
  };
  await drag(1, 0.95, 0.6); // lightgbm, the lower of two
  await kept('3 of 6 runs kept: B xgb-wide, D run-3, F run-5');
  await page.waitForURL(/range=/);
  assert.deepEqual(said(), ['params.model:lightgbm:lightgbm']);
  await drag(2, 0.7, 0.02); // not the lane of what has no depth
  await kept(/of 6 runs kept/);
  await page.waitForFunction(() => new URLSearchParams(location.search).getAll('range').length === 2);
  // The address follows the hand: it is at its end once it has stood still for a second.
  await page.waitForFunction(() => {
    window.stood = window.seen === location.search ? window.stood + 1 : 0;
    window.seen = location.search;
    return window.stood > 20;
  }, null, { polling: 50 });
  const [, depth] = said();
  assert.match(depth, /^params\.depth:[\d.]+:[\d.]+$/);
  const note = await page.locator('[data-chart-kept]').textContent();
  const link = page.url();
  await page.reload();
  await kept(note);
  assert.deepEqual(await shown(), [0, 1, 1, 0]);
  assert.deepEqual(said(), ['params.model:lightgbm:lightgbm', depth]);
  await page.emulateMedia({ colorScheme: 'dark' });
  await until(async () => (await shown()).join() === '0,1,1,0', 'the other theme keeps them');
  await page.emulateMedia({ colorScheme: 'light' });

  const other = await open(browser);
  await other.page.goto(link);
  await other.page.locator('[data-chart-kept]', { hasText: note }).waitFor();
  other.clean('the link');
  await other.close();

  await page.getByRole('link', { name: 'Scatter' }).click();
  await page.waitForURL(/view=scatter/);
  await page.getByRole('link', { name: 'Parallel' }).click();
  await kept(note);
  await page.getByRole('link', { name: /Remove.*depth/ }).click();
  await page.waitForFunction(() => new URLSearchParams(location.search).getAll('range').length === 1);
  await kept('3 of 6');
  await axe(page, 'a range kept');
  await reset.click();
  await reset.waitFor({ state: 'hidden' });
  await page.waitForFunction(() => !location.search.includes('range='));
  assert.equal(await page.locator('[data-chart-kept]').textContent(), '');
  assert.deepEqual(await shown(), [0, 0, 0]);
  assert.match(await page.evaluate(() => document.activeElement.getAttribute('aria-label')), /table/, 'the focus is not lost');

  // A lane of what is missing, two ranges on one axis, and what these runs do not have.
  await go(`&${['params.depth::', 'params.learning_rate:0.02:0.04', 'params.learning_rate:0.09:0.2', 'params.model:catboost:catboost', 'params.none:1:2', 'metrics.val_auc:x:y', '%25'].map((r) => `range=${r}`).join('&')}`);
  await kept('1 of 6 runs kept: A xgb-deep');
  assert.deepEqual(await shown(), [2, 0, 1, 0]);
  await page.waitForFunction(() => new URLSearchParams(location.search).getAll('range').length === 3);
  assert.deepEqual(said(), ['params.learning_rate:0.02:0.04', 'params.learning_rate:0.09:0.2', 'params.depth::']);
  s.clean('ranges');
  await s.close();
});

test('every view is accessible in both themes and fits a phone, in both languages', async () => {
  for (const [size, lang, scheme] of [[wide, 'en', 'light'], [narrow, 'it', 'dark']]) {
    const s = await open(browser, { viewport: size, lang, colorScheme: scheme, reducedMotion: 'reduce' });
    for (const view of ['curves', 'scatter', 'parallel', 'box', 'images']) {
      const where = `compare ${view} ${lang} ${scheme} ${size.width}`;
      await s.page.goto(address(runs, `&view=${view}&group=params.model&by=params.model`));
      await views(s.page);
      await settled(s.page);
      await frame(s.page, lang, where);
      await axe(s.page, where);
      const nodes = await s.page.evaluate(() => document.querySelectorAll('*').length);
      assert.ok(nodes <= 1500, `${where}: ${nodes} elements`);
      await s.page.emulateMedia({ colorScheme: scheme === 'dark' ? 'light' : 'dark' });
      await s.page.reload();
      await settled(s.page);
      await axe(s.page, `${where}, other theme`, 'colour');
      await s.page.emulateMedia({ colorScheme: scheme });
      await s.page.evaluate(() => scrollTo(0, 0));
      await shot(s.page, `compare-${view}-${size.width}-${scheme}`);
      s.clean(where);
    }
    await s.page.goto(`${address(runs.slice(0, 2))}&add=run`);
    await s.page.locator('dialog[open]').waitFor();
    await axe(s.page, 'the dialog for another run');
    s.clean('dialog');
    await s.close();
  }
});

test('without scripts there are tables, links and forms', async () => {
  const s = await open(browser, { javaScriptEnabled: false });
  const { page } = s;
  await page.goto(address(runs.slice(0, 3)));
  assert.equal(await page.locator('#params th[scope=row]').count(), 3);
  await page.getByLabel('Group by').selectOption('params.model');
  await page.getByRole('button', { name: 'Apply' }).click();
  assert.match(page.url(), /group=params.model/);
  await page.getByRole('link', { name: 'The values in a table loss' }).click();
  assert.match(await page.locator('table').textContent(), /model = xgboost/);
  s.clean('no scripts');
  await s.close();
});

test('under a base path, by keyboard', async () => {
  const below = await startServer({ prefix: '/ml' });
  const s = await open(browser);
  try {
    const there = client(below.url);
    const one = await there.experiment('below');
    const ids = [];
    for (const name of ['a', 'b']) ids.push((await there.run(one, name, { params: { lr: name === 'a' ? 1 : 2 }, metrics: curve('loss', 50, (k) => 1 / (k + 1)) })).id);
    const { page } = s;
    await page.goto(`${below.url}/compare?run=${ids[0]}&run=${ids[1]}`);
    await views(page);
    await drawn(page, 'loss', (d) => d.lines.length === 2);
    await page.getByLabel('Smoothing').focus();
    await page.keyboard.press('ArrowRight');
    await drawn(page, 'loss', (d) => d.lines.length === 4);
    await page.keyboard.press('Tab');
    await page.keyboard.press('Space');
    await drawn(page, 'loss', (d) => d.axis === 'log');
    await page.getByRole('button', { name: 'Show as table: loss' }).focus();
    await page.keyboard.press('Enter');
    await page.locator('.chart__data tbody tr').first().waitFor();
    assert.ok(page.url().startsWith(`${below.url}/compare?`) && page.url().includes('smooth=0.05') && page.url().includes('log=1'), page.url());
    const wrong = await page.evaluate(() => [...document.querySelectorAll('*')].flatMap((e) => ['href', 'src', 'action', 'data-chart-src'].map((n) => e.getAttribute(n))).filter((v) => v?.startsWith('/') && !v.startsWith('/ml/')));
    assert.deepEqual(wrong, []);
    await page.getByRole('button', { name: 'Add run' }).focus();
    await page.keyboard.press('Enter');
    await page.locator('dialog[open]').waitFor();
    await page.keyboard.press('Escape');
    s.clean('base path');
  } finally {
    await s.close();
    await below.stop();
  }
});
