// Experiments, runs and their files, by mouse and by keyboard.
import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { after, afterEach, before, beforeEach, test } from 'node:test';
import { launch, narrow, open, settled } from './lib/browser.js';
import { client, files, team } from './lib/seed.js';
import { startServer } from './lib/server.js';

let server, browser, world, api, tab, page;
before(async () => {
  [server, browser] = await Promise.all([startServer(), launch()]);
  api = client(server.url);
  world = await team(api);
});
after(async () => { await browser?.close(); await server?.stop(); });
beforeEach(async () => { tab = await open(browser); page = tab.page; });
afterEach(async () => { const { problems } = tab; await tab.close(); assert.deepEqual(problems, []); });

const go = (path) => page.goto(server.url + path);
const flash = (words) => page.locator('.banner[role=status], .toast[role=status]', { hasText: words }).waitFor();
const query = () => new URL(page.url()).searchParams;
const firstRow = () => page.locator('tbody tr').first().locator('th').innerText();
const column = async (name) => {
  const at = (await page.locator('thead th').allInnerTexts()).findIndex((t) => t.trim() === name);
  return page.locator(`tbody tr > :nth-child(${at + 1})`).allInnerTexts();
};

test('an experiment from its making to the trash and back', async () => {
  await go('/experiments');
  await page.getByRole('button', { name: 'Create experiment' }).first().click();
  const dialog = page.locator('dialog#create');
  assert.equal(await page.evaluate(() => document.activeElement.id), 'name', 'the dialog begins in its first field');
  await page.keyboard.press('Escape');
  assert.equal(await dialog.isVisible(), false);
  assert.equal(await page.evaluate(() => document.activeElement.textContent.trim()), 'Create experiment', 'focus returns');
  await page.getByRole('button', { name: 'Create experiment' }).first().click();
  await dialog.locator('#name').fill('fraud-detection');
  tab.expect(400, 409);
  await dialog.getByRole('button', { name: 'Create experiment' }).click();
  await dialog.getByText('exists already').waitFor();
  assert.ok(await page.evaluate(() => document.querySelector('dialog#create').matches(':modal')), 'the refused form is in its dialog again');
  tab.expect();
  await dialog.locator('#name').fill('tuning');
  await dialog.getByRole('button', { name: 'Create experiment' }).click();
  await flash('Experiment tuning created.');
  assert.equal(await page.locator('h1 > span').first().innerText(), 'tuning');
  await page.getByRole('button', { name: 'Actions for experiment tuning' }).click();
  await page.fill('#experiment-name', 'tuning 2');
  await page.getByRole('button', { name: 'Rename' }).click();
  await flash('Saved.');
  assert.equal(await page.locator('h1 > span').first().innerText(), 'tuning 2');
  await go('/experiments');
  await page.getByRole('button', { name: 'Actions for experiment tuning 2' }).click();
  await page.locator('.pop:popover-open').getByRole('button', { name: 'Delete experiment' }).click();
  await flash('Experiment moved to the trash.');
  assert.equal(await page.getByRole('link', { name: 'tuning 2' }).count(), 0);
  await page.getByRole('link', { name: 'Deleted' }).click();
  await page.getByRole('button', { name: 'Restore tuning 2' }).click();
  await flash('Restored.');
  assert.equal(await page.locator('h1 > span').first().innerText(), 'tuning 2');
  await go('/experiments?q=tuning');
  assert.deepEqual(await page.locator('tbody th').allInnerTexts(), ['tuning 2'], 'plain words find a part of a name');
});

test('what is deleted stays within reach', async () => {
  const only = await api.experiment('one run only');
  const run = await api.run(only, 'single');
  await api.post('runs/delete', { run_id: run.id });
  await go(`/experiments/${only}`);
  await page.getByRole('link', { name: 'Show deleted runs' }).click();
  await page.getByRole('link', { name: 'single' }).waitFor();
});

test('sorting by a column', async () => {
  await go(`/experiments/${world.fraud}`);
  const before = await firstRow();
  const head = page.locator('th:has(a)', { hasText: 'val_auc' });
  assert.equal(await head.getAttribute('aria-sort'), null);
  await head.getByRole('link').click();
  await page.locator('th[aria-sort=descending]', { hasText: 'val_auc' }).waitFor();
  assert.equal(query().get('order'), 'metrics.val_auc DESC');
  const values = (await column('val_auc')).map(Number).filter((v) => !Number.isNaN(v));
  assert.ok(values.length > 30);
  assert.deepEqual(values, [...values].sort((a, b) => b - a));
  assert.equal(await page.evaluate(() => document.activeElement.textContent.trim()), 'val_auc', 'focus stays on the head');
  const best = await firstRow();
  await head.getByRole('link').click();
  await page.locator('th[aria-sort=ascending]', { hasText: 'val_auc' }).waitFor();
  await page.goBack();
  await page.locator('th[aria-sort=descending]', { hasText: 'val_auc' }).waitFor();
  assert.equal(await firstRow(), best);
  await page.goBack();
  await page.waitForFunction(() => !document.querySelector('th[aria-sort]'));
  assert.equal(await firstRow(), before);
  await go(`/experiments/${world.fraud}?order=${encodeURIComponent('metrics.val_auc DESC')}`);
  assert.equal(await firstRow(), best, 'the address alone says it');
});

test('a wide table: name and heads stay in sight, and a sort does not move it', async () => {
  await page.setViewportSize({ width: 1000, height: 700 });
  await go(`/experiments/${world.fraud}`);
  const box = page.locator('.tbl-wrap');
  await box.evaluate((e) => { e.scrollLeft = 300; e.scrollTop = 600; });
  const seen = await page.evaluate(() => {
    const wrap = document.querySelector('.tbl-wrap').getBoundingClientRect();
    const head = document.querySelector('thead th').getBoundingClientRect();
    const name = [...document.querySelectorAll('tbody th')].find((e) => e.getBoundingClientRect().top > head.bottom).getBoundingClientRect();
    const { scrollTop } = document.querySelector('.tbl-wrap');
    return { scrolled: scrollTop > 0, head: Math.round(head.top - wrap.top), name: Math.round(name.left - wrap.left) };
  });
  assert.deepEqual(seen, { scrolled: true, head: 0, name: 0 });
  const left = await box.evaluate((e) => e.scrollLeft);
  assert.ok(left > 100);
  await page.locator('th', { hasText: 'User' }).getByRole('link').evaluate((link) => link.click()); // a real click would bring it into sight
  await page.locator('th[aria-sort]', { hasText: 'User' }).waitFor();
  assert.equal(await box.evaluate((e) => e.scrollLeft), left);
});

test('numbers stand at the right, under their heads', async () => {
  await go(`/experiments/${world.fraud}`);
  const sides = await page.evaluate(() => [...document.querySelectorAll('thead th')].map((th, i) => [th.textContent.trim(), getComputedStyle(th).textAlign, getComputedStyle(document.querySelector(`tbody tr > :nth-child(${i + 1})`)).textAlign]));
  const right = sides.filter(([, head]) => head === 'right').map(([name]) => name);
  assert.deepEqual(sides.filter(([, head, cell]) => head !== cell), [], 'head and cells agree');
  for (const name of ['val_auc', 'latency_ms', 'rows', 'learning_rate', 'max_depth', 'Duration']) assert.ok(right.includes(name), `${name} is a number: ${right}`);
  for (const name of ['Run', 'Status', 'feature set', 'User']) assert.ok(!right.includes(name), `${name} is none`);
});

test('filtering, and a filter that cannot be read', async () => {
  await go(`/experiments/${world.fraud}`);
  const input = page.locator('#filter-query');
  await input.fill("metrics.val_auc > 0.9 and params.max_depth = '8'");
  await input.press('Enter');
  await page.waitForFunction(() => document.querySelectorAll('tbody tr').length < 20);
  assert.equal(query().get('filter'), "metrics.val_auc > 0.9 and params.max_depth = '8'");
  const rows = await page.locator('tbody tr').count();
  await page.locator('#live', { hasText: `${rows} of 120 runs` }).waitFor({ state: 'attached' });
  for (const value of await column('val_auc')) assert.ok(Number(value) > 0.9, value);
  const at = page.url();
  tab.expect(400);
  await input.fill('metrics.val_auc >> 0.9');
  await input.press('Enter');
  await page.locator('#filter-error[role=alert]').waitFor();
  assert.equal(await page.locator('.caret mark').innerText(), '>', 'the mark stands on the character');
  assert.equal(await input.inputValue(), 'metrics.val_auc >> 0.9');
  assert.equal(await page.locator('tbody tr').count(), rows, 'the old result stays');
  assert.equal(page.url(), at, 'and so does the address');
  tab.expect();
  await input.fill('metrics.val_auc > 2');
  await input.press('Enter');
  await page.locator('h2', { hasText: 'No run matches' }).waitFor();
  await page.locator('#live', { hasText: '0 of 120 runs' }).waitFor({ state: 'attached' });
  assert.equal(await page.locator('#filter-error').count(), 0);
  await page.getByRole('link', { name: 'Clear filter' }).click();
  await page.locator('tbody tr').nth(39).waitFor();
  assert.equal(query().get('filter'), null);
});

test('paging forth and to the start', async () => {
  await go(`/experiments/${world.fraud}`);
  const first = await firstRow();
  const names = new Set(await column('Run'));
  for (const all of [80, 120]) {
    const before = await firstRow();
    await page.getByRole('link', { name: 'Next' }).click();
    await page.waitForFunction((name) => document.querySelector('tbody th').innerText !== name, before);
    for (const name of await column('Run')) names.add(name);
    assert.equal(names.size, all, 'no run twice, none left out');
  }
  assert.equal(await page.getByRole('link', { name: 'Next' }).count(), 0);
  await page.getByRole('link', { name: 'First', exact: true }).click();
  await page.waitForFunction((name) => document.querySelector('tbody th').innerText === name, first);
});

test('a run: tabs, charts and their tables', async () => {
  await go(`/experiments/${world.fraud}`);
  await page.getByRole('link', { name: 'transformer-long' }).click();
  await page.waitForURL(`**/runs/${world.long.id}`);
  await page.waitForFunction(() => document.activeElement.tagName === 'H1'); // after a navigation the heading has the focus
  await settled(page);
  assert.equal(await page.title(), 'transformer-long · Slipway');
  const drawn = await page.locator('.chart canvas').first().evaluate((c) => {
    const { data } = c.getContext('2d').getImageData(0, 0, c.width, c.height);
    return data.some((v, i) => i % 4 === 3 && v > 0);
  });
  assert.ok(drawn, 'the chart is not empty');
  await page.getByRole('navigation', { name: 'Sections of the run' }).getByRole('link', { name: /^Charts/ }).click();
  await page.waitForURL('**tab=charts');
  await page.getByRole('heading', { name: 'val', exact: true }).waitFor();
  const card = page.locator('.chart-card', { has: page.getByRole('heading', { name: 'loss', exact: true }) });
  await card.getByRole('button', { name: 'Show as table: loss' }).click();
  const table = card.getByRole('region', { name: 'Data of loss' });
  await table.waitFor();
  assert.equal(await card.locator('.chart').isVisible(), false);
  assert.deepEqual([await table.locator('tbody tr').first().locator('td').first().innerText(), await table.locator('tbody tr').last().locator('td').first().innerText()], ['0', '1,999'], 'first and last step');
  for (const [name, words] of [['Parameters', 'adamw'], ['Artifacts', 'config.json'], ['Models', 'fraud-scorer'], ['Overview', 'Tried a longer warm-up.']]) {
    await page.getByRole('navigation', { name: 'Sections of the run' }).getByRole('link', { name: new RegExp(`^${name}`) }).click();
    await page.locator(`.tabs a[aria-current]:has-text("${name}")`).waitFor();
    await page.locator('main').getByText(words).first().waitFor();
  }
  await page.goBack();
  await page.getByRole('link', { name: 'fraud-scorer', exact: true }).click();
  await page.waitForURL(`**/logged-models/${world.model.id}`);
  assert.equal(await page.locator('h1').innerText().then((t) => t.includes('fraud-scorer')), true);
  await page.setViewportSize(narrow);
  await go(`/runs/${world.long.id}?tab=models`);
  assert.ok(await page.locator('.tabs [aria-current]').evaluate((e) => e.getBoundingClientRect().right <= innerWidth), 'on a narrow screen the current tab is in sight');
});

test('charts follow the theme', async () => {
  await go(`/runs/${world.long.id}`);
  await settled(page);
  const pixels = () => page.locator('.chart canvas').first().evaluate((c) => c.toDataURL());
  const light = await pixels();
  await page.getByRole('button', { name: 'Dark theme' }).click();
  await page.waitForFunction((was) => document.querySelector('.chart canvas').toDataURL() !== was, light);
  assert.equal(await page.evaluate(() => document.documentElement.dataset.theme), 'dark');
  await page.reload();
  assert.equal(await page.evaluate(() => document.documentElement.dataset.theme), 'dark', 'the server knows the choice');
});

test('by keyboard alone', async () => {
  await go('/account');
  await page.keyboard.press('g');
  await page.keyboard.press('e');
  await page.waitForURL('**/experiments');
  await page.keyboard.press('f');
  assert.equal(await page.evaluate(() => document.activeElement.id), 'filter-query');
  await page.keyboard.type('fraud?jk');
  assert.equal(await page.inputValue('#filter-query'), 'fraud?jk', 'typing is typing');
  assert.equal(await page.locator('dialog[open]').count(), 0);
  await page.fill('#filter-query', 'fraud');
  await page.keyboard.press('Enter');
  await page.waitForFunction(() => document.querySelectorAll('tbody tr').length === 1);
  await page.keyboard.press('Tab');
  await page.keyboard.press('j');
  assert.equal(await page.evaluate(() => document.activeElement.textContent), 'fraud-detection');
  await page.keyboard.press('Enter');
  await page.waitForURL(`**/experiments/${world.fraud}`);
  await page.locator('h1', { hasText: 'fraud-detection' }).waitFor();
  const names = await column('Run');
  const focused = () => page.evaluate(() => document.activeElement.textContent.trim());
  for (const [key, name] of [['j', names[0]], ['j', names[1]], ['j', names[2]], ['k', names[1]]]) {
    await page.keyboard.press(key);
    assert.equal(await focused(), name, key);
  }
  for (let i = 0; i < 40; i++) await page.keyboard.press('j');
  for (let i = 0; i < 25; i++) await page.keyboard.press('k');
  assert.ok(await page.evaluate(() => {
    const row = document.activeElement.closest('tr').getBoundingClientRect();
    return row.top >= document.querySelector('thead').getBoundingClientRect().bottom - 1 && row.top >= document.querySelector('.topbar').getBoundingClientRect().bottom - 1 && row.bottom <= innerHeight + 1;
  }), 'the focused row is not under a bar');
  await page.keyboard.press('?');
  await page.locator('dialog#shortcuts').waitFor();
  await page.keyboard.press('j');
  await page.keyboard.press('Escape');
  assert.equal(await page.locator('dialog#shortcuts').isVisible(), false);
  await page.keyboard.press('?');
  await page.getByLabel('Single-key shortcuts on this device').uncheck();
  await page.keyboard.press('Escape');
  await page.keyboard.press('?');
  assert.equal(await page.locator('dialog#shortcuts').isVisible(), false, 'shortcuts can be turned off');
});

test('the addresses that the MLflow client prints', async () => {
  for (const [printed, path] of [[`/#/experiments/${world.fraud}/runs/${world.long.id}`, `/runs/${world.long.id}`], [`/#/experiments/${world.fraud}`, `/experiments/${world.fraud}`],
    [`/#/experiments/${world.fraud}/models/${world.model.id}`, `/logged-models/${world.model.id}`]]) {
    await go('/account');
    await go(printed);
    await page.waitForURL(server.url + path);
    await page.locator('h1').waitFor();
  }
  await go('/#/experiments//example.org/runs/..%2f..');
  await settled(page);
  assert.equal(new URL(page.url()).pathname, '/', 'and nothing else');
});
